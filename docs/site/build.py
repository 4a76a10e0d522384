#!/usr/bin/env python3
"""Builds the website from plain files: a page for each message that whycap recognizes, and whycap's documentation.

usage: docs/site/build.py OUTPUT_DIRECTORY      (needs the package `markdown`: pip install markdown)

It reads the rows of src/limits/catalog/messages.json, the actions in src/limits/wording/actions.json, docs/limits.md
for the order of the chapters, docs/locks.md, and the documents below. The script itself contains no messages, so a new
row automatically becomes a new page. Only the search needs JavaScript. Without JavaScript, the start page lists all
messages.
"""
import html
import json
import re
import shutil
import sys
from pathlib import Path

import markdown

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent
LIMITS = DOCS.parent / "src" / "limits"
REPOSITORY = "https://github.com/whycap/whycap"
ADDRESS = "https://whycap.github.io/whycap/"
# The documents, each with the sentence that links to it.
DOCUMENTS = {
    "locks": "Locks that Claude Code leaves behind, and which of them matter",
    "claude-code": "How Claude Code behaves around a limit",
    "counting": "How spend is counted",
    "configuration": "What can be set",
    "speed": "What a status line costs",
    "pace": "How a forecast is made, and how far off it is",
    "drain": "Why the prompt cache was written again",
    "team": "How to add up several machines or people",
    "platforms": "What was tried on which system",
}
SUFFIX = " · whycap"


def rendered(text):
    """Converts Markdown to HTML. Links between documents are changed to links between their pages."""
    text = re.sub(r"\]\((?:docs/)?([a-z-]+)\.md(#[^)]*)?\)", lambda m: f"]({m[1]}.html{m[2] or ''})", text)
    text = re.sub(r"\]\((?!https?:|#|pictures/|[a-z-]+\.html)([^)]+)\)", lambda m: f"]({REPOSITORY}/blob/main/docs/{m[1]})", text)
    made = markdown.markdown(text, extensions=["tables", "fenced_code", "sane_lists", "toc"])
    # Elements that are wider than a phone can be scrolled, so they must be reachable from the keyboard. A table's empty
    # corner is not a header.
    return re.sub(r"<(table|pre)>", r'<\1 tabindex="0">', made).replace("<th></th>", "<td></td>")


def page(title, description, body, depth=0):
    up = "../" * depth
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<meta name="description" content="{html.escape(description, quote=True)}">
<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="{up}site.css">
</head>
<body>
<header><a href="{up}index.html">whycap</a>
<nav aria-label="Documents"><a href="{up}index.html#messages">Messages</a> <a href="{up}locks.html">Locks</a> <a href="{REPOSITORY}">Source</a></nav></header>
<main>
{body}
</main>
<footer>whycap is not affiliated with Anthropic. It sends nothing anywhere. <a href="{REPOSITORY}/issues">Something here is wrong</a></footer>
</body>
</html>
"""


def listing(sentences):
    return rendered("\n".join(f"- {one}" for one in sentences)) + "\n" if sentences else ""


class Message:
    """Renders a row of messages.json: the wording of the message, its meaning, what helps, and the source."""

    def __init__(self, chapter, row, actions):
        self.chapter, self.row, self.meaning = chapter, row["id"], row["meaning"].rstrip(".") + "."
        by_version = row.get("wordings_by_version", [])
        texts = [wording["text"] for wording in by_version] + row.get("wordings", [])
        self.title, self.others = (texts or [self.row])[0], texts[1:]
        self.depends = [
            f"{meaning['who']}{', ' + in_words(meaning['versions']) if meaning['versions'] else ''}: {meaning['meaning']}"
            for meaning in row.get("meanings", [])
        ]
        self.steps = [f"{number}. {step(actions[name])}" for number, name in enumerate(row["actions"], 1)]
        self.did_not_help = row.get("did_not_help", [])
        first_of_versions = {wording["versions"]: wording["text"] for wording in reversed(by_version) if wording["versions"]}
        dated = [f'"{text}" {in_words(versions)}' for versions, text in reversed(first_of_versions.items())]
        self.source = row["source"] + ("; versions: " + ", ".join(dated) if dated else "")
        self.place = f"messages/{self.row}.html"

    def words(self):
        return [self.title, *self.others]

    def html(self):
        quoted = self.title.replace("`", "'").replace('"', "'")
        ask = f'whycap explain --text "{quoted}"'
        body = f"""<p class="chapter">{html.escape(self.chapter)}</p>
<h1>{html.escape(self.title)}</h1>
<h2>What it means</h2>
{rendered(self.meaning)}
{listing(self.depends)}"""
        if self.steps:
            body += "<h2>What helps, best first</h2>\n" + rendered("\n".join(self.steps))
        if self.did_not_help:
            body += "<h2>What did not help other users</h2>\n" + listing(self.did_not_help)
        body += f"""<h2>What it means on your machine</h2>
<p>The same words can mean different things. whycap looks at what the server said with the error, at your plan, and at how much is used:</p>
<pre tabindex="0"><code>{html.escape(ask)}</code></pre>
"""
        if self.others:
            body += "<h2>Other words for it</h2>\n" + listing(self.others)
        linked = re.sub(r"(?<![\w.#-])(\d{4,6})(?![\w.-])", r'<a href="https://github.com/anthropics/claude-code/issues/\1">\1</a>', html.escape(self.source))
        return body + f"<h2>Where this comes from</h2>\n<p>{linked}.</p>\n"


def in_words(versions):
    """Formats version ranges such as "2.1.144-", "-2.0.0", or "2.1.118-2.1.312" as text."""
    first, last = re.fullmatch(r"(\d+\.\d+\.\d+)?-(\d+\.\d+\.\d+)?", versions).groups()
    if first and last:
        return f"{first} to before {last}"
    return f"from {first}" if first else f"before {last}"


def step(action):
    """Returns the text of an action in actions.json, for an unknown time."""
    text = f"{action['do']}. {action['why']}"
    for name, value in (("until", "the reset"), ("at_when", "after the reset"), ("pool", "usage credits")):
        text = text.replace("{" + name + "}", value)
    command, url = action.get("command"), action.get("url")
    return text + (f" `{command}`" if command else "") + (f" <{url}>" if url else "")


def messages():
    """Returns the rows of the chapters that docs/limits.md lists, in the same order."""
    actions = json.loads((LIMITS / "wording" / "actions.json").read_text(encoding="utf-8"))
    chapters = json.loads((LIMITS / "catalog" / "messages.json").read_text(encoding="utf-8"))
    rows = {chapter["chapter"]: chapter["rows"] for chapter in chapters}
    for title in re.findall(r"^## (.+)$", (DOCS / "limits.md").read_text(encoding="utf-8"), re.M):
        for row in rows[title]:
            yield Message(title, row, actions)


def index(found, documents):
    parts = ["""<h1>What a limit message of Claude Code really means</h1>
<p>Find your message below. Each page says what happened, what helps, what does not, and where we know it from.</p>
<p><label for="search">Search the messages</label> <input id="search" type="search" hidden autocomplete="off"></p>
<p id="none" role="status"></p>
<div id="messages">"""]
    chapter = None
    for message in found:
        if message.chapter != chapter:
            parts.append(("</ul>" if chapter else "") + f"<h2>{html.escape(message.chapter)}</h2>\n<ul>")
            chapter = message.chapter
        words = html.escape(" ".join(message.words()).lower(), quote=True)
        parts.append(f'<li data-words="{words}"><a href="{message.place}">{html.escape(message.title)}</a></li>')
    parts.append("</ul></div>\n<h2>Documents</h2>\n<ul>")
    parts += [f'<li><a href="{name}.html">{html.escape(told)}</a></li>' for name, told in documents.items()]
    return "\n".join(parts) + '</ul>\n<script src="search.js" defer></script>'


def llms(found, documents):
    """Returns llms.txt, a summary of the site for language models (https://llmstxt.org)."""
    lines = ["# whycap", "", "> What the limit messages of Claude Code mean: whether they are real, whether waiting or paying helps, who can fix it.", ""]
    lines += ["## Documents", ""] + [f"- [{told}]({ADDRESS}{name}.html)" for name, told in documents.items()]
    lines += ["", "## Messages", ""] + [f"- [{one.title}]({ADDRESS}{one.place}): {one.meaning}" for one in found]
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    out = Path(sys.argv[1])
    (out / "messages").mkdir(parents=True, exist_ok=True)
    found = list(messages())
    documents = {name: told for name, told in DOCUMENTS.items() if (DOCS / f"{name}.md").exists()}
    pages = {}
    for message in found:
        pages[message.place] = page(f"“{message.title}”: what it means{SUFFIX}", message.meaning, message.html(), 1)
    for name, told in documents.items():
        pages[f"{name}.html"] = page(told + SUFFIX, told, rendered((DOCS / f"{name}.md").read_text(encoding="utf-8")))
    pages["index.html"] = page("What a limit message of Claude Code really means" + SUFFIX, "Every limit message of Claude Code: what it means, what helps, and what does not.", index(found, documents))
    pages["llms.txt"] = llms(found, documents)
    pages["sitemap.txt"] = "".join(f"{ADDRESS}{place}\n" for place in sorted(pages) if place.endswith(".html"))
    for place, text in pages.items():
        (out / place).write_text(text, encoding="utf-8")
    shutil.copytree(DOCS / "pictures", out / "pictures", dirs_exist_ok=True)
    for name in ("site.css", "search.js"):
        shutil.copy(HERE / name, out / name)
    print(f"{len(found)} messages, {len(documents)} documents, {len(json.dumps(pages)) // 1024} KB in {out}")


if __name__ == "__main__":
    main()
