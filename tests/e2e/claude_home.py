#!/usr/bin/env python3
"""Creates a HOME in which the real client starts immediately, without onboarding, login, or a trust prompt.

By hand: tests/e2e/claude_home.py DIRECTORY [key|pro|max|team|enterprise [admin|user]]

The credentials are dummies that only the mock on the loopback interface ever sees.
"""

import json
import sys
import time
from pathlib import Path

DUMMY_KEY = "sk-ant-dummy"


class ClaudeHome:
    """A home directory with one trusted project and one account."""

    def __init__(self, path, plan="key", role="admin"):
        # The client compares resolved paths, and on some systems the temporary directory is a link.
        self.path = Path(path).resolve()
        self.plan = plan
        self.project = self.path / "api"
        self.settings = self.path / ".claude" / "settings.json"
        # Contains programs that the user's shell finds in addition to the system's.
        self.tools = self.path / "tools"
        self.project.mkdir(parents=True, exist_ok=True)
        self.settings.parent.mkdir(exist_ok=True)
        self._write_state(role)
        if plan != "key":
            self._write_login()

    def _write_state(self, role):
        state = {
            "hasCompletedOnboarding": True,
            "theme": "dark",
            "numStartups": 20,
            "customApiKeyResponses": {"approved": [DUMMY_KEY[-20:]], "rejected": []},
            "projects": {
                str(self.project): {
                    "hasTrustDialogAccepted": True,
                    "hasCompletedProjectOnboarding": True,
                    "allowedTools": [],
                }
            },
        }
        if self.plan != "key":
            state["oauthAccount"] = {
                "accountUuid": "11111111-1111-4111-8111-111111111111",
                "emailAddress": "dev@example.com",
                "organizationUuid": "22222222-2222-4222-8222-222222222222",
                "organizationName": "Example",
                "organizationType": "claude_" + self.plan,
                "organizationRole": role,
                "billingType": "stripe_subscription",
                "hasExtraUsageEnabled": False,
            }
        (self.path / ".claude.json").write_text(json.dumps(state, indent=2))

    def _write_login(self):
        file = self.path / ".claude" / ".credentials.json"
        file.write_text(
            json.dumps(
                {
                    "claudeAiOauth": {
                        "accessToken": "sk-ant-oat01-dummy",
                        "refreshToken": "sk-ant-ort01-dummy",
                        "expiresAt": int((time.time() + 300 * 24 * 3600) * 1000),
                        "scopes": ["user:inference", "user:profile", "user:sessions:claude_code"],
                        "subscriptionType": self.plan,
                        "rateLimitTier": "default_claude_max_5x",
                    }
                }
            )
        )
        file.chmod(0o600)

    def environment(self, api_url, **more):
        """Returns the client's environment, which contains nothing from the caller's environment."""
        variables = {
            "HOME": str(self.path),
            "PATH": f"{self.path}/.local/bin:{self.tools}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "COLORTERM": "truecolor",
            "ANTHROPIC_BASE_URL": api_url,
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_MAX_RETRIES": "0",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "IS_SANDBOX": "1",
        }
        if self.plan == "key":
            variables["ANTHROPIC_API_KEY"] = DUMMY_KEY
        variables.update(more)
        return variables


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    made = ClaudeHome(*sys.argv[1:4])
    print("start the client with:")
    print(
        f"cd {made.project} && env -i TERM=$TERM "
        + " ".join(f"{name}='{value}'" for name, value in made.environment("http://127.0.0.1:PORT").items())
        + " claude"
    )
