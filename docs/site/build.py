#!/usr/bin/env python3
"""The site: one page for each message that whycap knows, and its documents, as plain files.

usage: docs/site/build.py OUTPUT_DIRECTORY      (needs the package `markdown`: pip install markdown)

Read are docs/limits.md, which is written from the rows of src/limits/messages/, docs/locks.md, written from the locks, and
the documents below. Nothing here knows a message: a new row is a new page. No page needs a script to be read; the search
does, and without one the start page is the list of all messages.
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
REPOSITORY = "https://github.com/whycap/whycap"
ADDRESS = "https://whycap.github.io/whycap/"
# A document, and the sentence that leads to it.
DOCUMENTS = {
    "locks": "Locks that Claude Code leaves behind, and which of them matter",
    "claude-code": "How Claude Code behaves around a limit",
    "counting": "How spend is counted",
    "configuration": "What can be set",
    "speed": "What a status line costs",
    "pace": "How a forecast is made, and how far off it is",
    "drain": "Why the prompt cache was written again",
    "team": "Sums of several machines and people",
    "platforms": "What was tried on which system",
}
SUFFIX = " · whycap"


def slug(words):
    return re.sub(r"[^a-z0-9]+", "-", words.lower().replace("’", "").replace("'", "")).strip("-")[:60].strip("-")


def rendered(text):
    """Markdown as HTML. Links between documents lead to their pages."""
    text = re.sub(r"\]\((?:docs/)?([a-z-]+)\.md(#[^)]*)?\)", lambda m: f"]({m[1]}.html{m[2] or ''})", text)
    text = re.sub(r"\]\((?!https?:|#|pictures/|[a-z-]+\.html)([^)]+)\)", lambda m: f"]({REPOSITORY}/blob/main/docs/{m[1]})", text)
    made = markdown.markdown(text, extensions=["tables", "fenced_code", "sane_lists", "toc"])
    # What is wider than a phone scrolls, and so must be reached from the keyboard; a corner of a table is no header.
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
    """A section of docs/limits.md: the message's words, what it means, what helps, the source."""

    def __init__(self, chapter, title, text):
        self.chapter, self.title = chapter, title.replace("\\|", "|")
        self.text, _, note = text.partition("<sub>")
        self.source, self.row = re.match(r"(.*)\. `([^`]+)`, `[^`]+`</sub>", note.strip(), re.S).groups()
        self.meaning = self.text.strip().split("\n")[0]
        told, _, others = self.text.partition("Other words for it:")
        before, *numbered = re.split(r"^(?=1\. )", told, maxsplit=1, flags=re.M)
        steps = re.findall(r"^\d+\. .+$", numbered[0] if numbered else "", re.M)
        listed = re.compile(r"^- (.+)$", re.M)
        self.depends, self.steps, self.others = listed.findall(before), steps, listed.findall(others)
        self.in_vain = listed.findall(numbered[0]) if numbered else []
        self.place = f"messages/{slug(self.title) or self.row}.html"

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
        if self.in_vain:
            body += "<h2>What did not help others</h2>\n" + listing(self.in_vain)
        body += f"""<h2>What it means on your machine</h2>
<p>The same words can mean different things. whycap looks at what the server said with the error, at your plan, and at how much is used:</p>
<pre tabindex="0"><code>{html.escape(ask)}</code></pre>
"""
        if self.others:
            body += "<h2>Other words for it</h2>\n" + listing(self.others)
        linked = re.sub(r"(?<![\w.#-])(\d{4,6})(?![\w.-])", r'<a href="https://github.com/anthropics/claude-code/issues/\1">\1</a>', html.escape(self.source))
        return body + f"<h2>Where this comes from</h2>\n<p>{linked}.</p>\n"


def messages():
    chapters = re.split(r"^## ", (DOCS / "limits.md").read_text(encoding="utf-8"), flags=re.M)[1:]
    for chapter in chapters:
        name, _, rest = chapter.partition("\n")
        for section in re.split(r"^### ", rest, flags=re.M)[1:]:
            title, _, text = section.partition("\n")
            yield Message(name.strip(), title.strip(), text)


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
    """llms.txt: what is here, for programs that read it to somebody (https://llmstxt.org)."""
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
        if message.place in pages:
            message.place = f"messages/{message.row}.html"
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
