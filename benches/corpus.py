#!/usr/bin/env python3
"""Writes a generated history of Claude Code that is large enough for measurements, and prints its true totals.

    corpus.py OUT [--files N] [--mb MB] [--days D] [--seed S] [--end TIME]

The history is in OUT/.claude/projects/** and has the line formats of client 2.1.328: mostly tool output, one line for
each block of a response, placeholder counts until the last block, subagents in their own files, and forks that copy
lines from their parents. The same seed and end time give the same bytes.

The true totals are one JSON object on standard output: files, bytes, responses, copied (responses that a second file
repeats), cost_usd (each response once), newest (the transcript that a live session would continue), and sessions (those
that have no later fork, newest first). Paths are relative to OUT.
"""

import argparse
import datetime
import json
import os
import random
import sys

# Prices in nano-dollars per token, so that all of them are whole numbers: input, output, cache read, cache write for five
# minutes, cache write for one hour.
NANO_DOLLARS = {
    "claude-opus-4-6": (5000, 25000, 500, 6250, 10000),
    "claude-opus-4-8": (5000, 25000, 500, 6250, 10000),
    "claude-sonnet-4-5-20250929": (3000, 15000, 300, 3750, 6000),
    "claude-haiku-4-5-20251001": (1000, 5000, 100, 1250, 2000),
}
MODELS = sorted(NANO_DOLLARS)
PROJECTS = 12

# Text that is already escaped for JSON, so that each line can simply take part of it. It mentions usage and cost-state,
# like the output of tools in this project.
TEXT = (
    r"running 3 tests\ntest reads_usage ... ok // \"usage\": {\"input_tokens\": 1}\n"
    r"let total = rows.iter().map(|row| row.cost).sum(); \"cost-state\" of yesterday\n"
) * 500

USER = (
    '{"parentUuid":%s,"isSidechain":%s,"promptId":"%s","type":"user","message":{"role":"user",'
    '"content":[{"tool_use_id":"toolu_%s","type":"tool_result","content":"%s"}]},'
    '"uuid":"%s","timestamp":"%s","toolUseResult":{"stdout":"%s","stderr":"","interrupted":false},'
    '"sourceToolAssistantUUID":%s,%s}\n'
)
BLOB = (
    '{"type":"api-request-blob","sessionId":"%s","hash":"%s","message":{"role":"system",'
    '"content":[{"type":"text","text":"%s"}]}}\n'
)
RESPONSE = (
    '{"parentUuid":%s,"isSidechain":%s,"message":{"id":"%s","type":"message","role":"assistant",'
    '"model":"%s","content":[{"type":"text","text":"%s"}],"stop_reason":%s,"stop_sequence":null,'
    '"usage":%s,"stop_details":null},"apiBlockIndex":%d,"requestId":"%s","requestRef":"%s",'
    '"requestedModel":"%s","type":"assistant","uuid":"%s","timestamp":"%s","effort":"medium",'
    '"madeBy":"model",%s}\n'
)
USAGE = (
    '{"input_tokens":%d,"cache_creation_input_tokens":%d,"cache_read_input_tokens":%d,'
    '"output_tokens":%d,"output_tokens_details":{"thinking_tokens":0},'
    '"server_tool_use":{"web_search_requests":0,"web_fetch_requests":0},'
    '"service_tier":"standard","cache_creation":{"ephemeral_1h_input_tokens":%d,'
    '"ephemeral_5m_input_tokens":%d},"inference_geo":"","iterations":[],"speed":"standard",'
    '"fallback_credit":null}'
)


class Response:
    """A response, which may be repeated on several lines."""

    def __init__(self, generator, model=None):
        self.model = model or generator.choice(MODELS)
        self.message = "msg_01" + letters(generator, 22)
        self.request = "req_011" + letters(generator, 21)
        self.input = generator.randrange(1, 40)
        self.output = generator.randrange(20, 2500)
        self.read = generator.randrange(8_000, 160_000)
        self.five_minutes = generator.choice((0, 0, 800, 2500))
        self.hour = generator.choice((0, 0, 0, 4000))

    def nano_dollars(self):
        prices = NANO_DOLLARS[self.model]
        counts = (self.input, self.output, self.read, self.five_minutes, self.hour)
        return sum(price * count for price, count in zip(prices, counts))

    def usage(self, output):
        written = self.five_minutes + self.hour
        return USAGE % (self.input, written, self.read, output, self.hour, self.five_minutes)

    def zero_usage(self):
        """Returns the usage for a line that a fork copied. The client sets its counts to 0."""
        return USAGE % (0, 0, 0, 0, self.hour, self.five_minutes)

    def line(self, usage, at, location, parent, uuid, text, block=0, last=True, subagent=False):
        return RESPONSE % (
            parent,
            "true" if subagent else "false",
            self.message,
            self.model,
            text,
            '"tool_use"' if last else "null",
            usage,
            block,
            self.request,
            uuid,
            self.model,
            uuid,
            at,
            location,
        )


def letters(generator, count):
    return "%0*x" % (count, generator.getrandbits(4 * count))


def uuid_of(generator):
    digits = letters(generator, 32)
    return "-".join((digits[:8], digits[8:12], "4" + digits[13:16], "a" + digits[17:20], digits[20:]))


def time_of(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (moment.microsecond // 1000)


def location_fields(project, session):
    return (
        '"userType":"external","entrypoint":"cli","cwd":"/home/dev/p%d","sessionId":"%s",'
        '"version":"2.1.328","gitBranch":"main"' % (project, session)
    )


def live_line(seed, session, at, project=0):
    """Returns the line for another response in a live session, and its cost in nano-dollars."""
    generator = random.Random(seed)
    response = Response(generator, MODELS[0])
    line = response.line(
        response.usage(response.output),
        time_of(at),
        location_fields(project, session),
        "null",
        uuid_of(generator),
        TEXT[:400].rstrip("\\"),
    )
    return line, response.nano_dollars()


def cut(generator, lengths):
    # The text must not end in the middle of an escape sequence.
    return TEXT[: generator.choice(lengths)].rstrip("\\")


class Session:
    """A transcript, which may have forks and subagents."""

    def __init__(self, directory, name, project):
        self.directory, self.name, self.project = directory, name, project
        self.copyable = []
        self.forked = False

    def path(self):
        return os.path.join(self.directory, self.name + ".jsonl")


def write_history(out, files, megabytes, days, seed, end):
    generator = random.Random(seed)
    root = os.path.join(out, ".claude", "projects")
    mean_bytes = megabytes * 1e6 / files
    truth = {"files": 0, "bytes": 0, "responses": 0, "copied": 0}
    cost = 0
    sessions = []
    for number in range(files):
        # The transcripts are spread over the days, and the last transcript ends now.
        moment = end - datetime.timedelta(days=days * (1 - (number + 1) / files), minutes=30)
        subagent = number % 9 == 4 and bool(sessions)
        parent = sessions[-1] if sessions else None
        if subagent:
            session = parent
            path = os.path.join(parent.directory, parent.name, "subagents", "agent-%s.jsonl" % letters(generator, 17))
        else:
            project = number % PROJECTS
            session = Session(os.path.join(root, "-home-dev-p%d" % project), uuid_of(generator), project)
            path = session.path()
        location = location_fields(session.project, session.name)
        model = generator.choice(MODELS)
        lines = []
        before = "null"
        size = 0
        if not subagent and parent and number % 17 == 3:
            parent.forked = True
            for response, at, text in parent.copyable:
                uuid = uuid_of(generator)
                copy = response.line(response.zero_usage(), at, location, before, uuid, text)
                lines.append(copy[:-2] + ',"requestSessionId":"%s"}\n' % parent.name)
                size += len(lines[-1])
                before = '"%s"' % uuid
                truth["copied"] += 1
        while size < mean_bytes:
            moment = min(
                moment + datetime.timedelta(seconds=generator.randrange(2, 25), milliseconds=generator.randrange(1000)),
                end,
            )
            at = time_of(moment)
            uuid = uuid_of(generator)
            output = cut(generator, (200, 900, 3000, 7000))
            written = [
                USER
                % (
                    before,
                    "true" if subagent else "false",
                    uuid,
                    letters(generator, 22),
                    output,
                    uuid,
                    at,
                    output[:200].rstrip("\\"),
                    before,
                    location,
                )
            ]
            before = '"%s"' % uuid
            if generator.random() < 0.03:
                written.append(BLOB % (session.name, letters(generator, 64), TEXT[:60_000].rstrip("\\")))
            response = Response(generator, model)
            blocks = generator.choice((1, 1, 2, 2, 3, 4))
            for block in range(blocks):
                last = block == blocks - 1
                placeholder = not last and generator.random() < 0.3
                usage = response.usage(generator.randrange(1, 8) if placeholder else response.output)
                uuid = uuid_of(generator)
                text = cut(generator, (80, 400, 1500))
                written.append(response.line(usage, at, location, before, uuid, text, block, last, subagent))
                before = '"%s"' % uuid
            if not subagent and len(session.copyable) < 150:
                session.copyable.append((response, at, text))
            truth["responses"] += 1
            cost += response.nano_dollars()
            lines += written
            size += sum(map(len, written))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii", newline="") as transcript:
            transcript.writelines(lines)
        modified = moment.timestamp()
        os.utime(path, (modified, modified))
        truth["files"] += 1
        truth["bytes"] += size
        if not subagent:
            sessions.append(session)
    truth["cost_usd"] = cost / 1e9
    truth["sessions"] = [os.path.relpath(session.path(), out) for session in reversed(sessions) if not session.forked]
    truth["newest"] = truth["sessions"][0]
    return truth


def main():
    parser = argparse.ArgumentParser(description="Writes a made-up history and prints its truth.")
    parser.add_argument("out", help="the home directory to write into")
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--mb", type=float, default=390, help="size in all, in millions of bytes")
    parser.add_argument("--days", type=float, default=28)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--end", help="time of the last line, as 2026-11-20T12:00:00Z (default: now)")
    options = parser.parse_args()
    if options.end:
        end = datetime.datetime.fromisoformat(options.end.replace("Z", "+00:00"))
    else:
        end = datetime.datetime.now(datetime.timezone.utc)
    end = end.astimezone(datetime.timezone.utc)
    truth = write_history(options.out, options.files, options.mb, options.days, options.seed, end)
    json.dump(truth, sys.stdout)
    print()


if __name__ == "__main__":
    main()
