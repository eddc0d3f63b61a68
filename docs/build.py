"""`make docs`: these pages as HTML in build/docs/, once every link in them leads somewhere.

Links to files of the repository, to other pages and to headings are followed; those to other sites
are not asked. Exits with 1 and names what is wrong.
"""

import itertools
import re
import shutil
import sys
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[1]
SOURCE, OUTPUT = ROOT / "docs", ROOT / "build" / "docs"
STYLE = (
    "body{max-width:46rem;margin:2rem auto;padding:0 1rem;font:1rem/1.6 system-ui,sans-serif}"
    "pre{overflow:auto;padding:.75rem;background:#8881}code{font-family:ui-monospace,monospace}"
    "table{border-collapse:collapse;display:block;overflow:auto}td,th{padding:.25rem .5rem;"
    "border:1px solid #8884;text-align:start;vertical-align:top}img{max-width:100%}"
    ":root{color-scheme:light dark}"
)


def main() -> int:
    """Check, write, and say how many pages there are."""
    pages = sorted(SOURCE.rglob("*.md"))
    parser = MarkdownIt("commonmark").enable("table")
    parsed = {page: parser.parse(page.read_text(encoding="utf-8")) for page in pages}
    anchors = {page: set(headings(tokens)) for page, tokens in parsed.items()}
    problems = [
        f"{page.relative_to(ROOT)}: {problem}"
        for page, tokens in parsed.items()
        for problem in broken_links(page, tokens, anchors)
    ]
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    if problems:
        return 1
    shutil.rmtree(OUTPUT, ignore_errors=True)
    shutil.copytree(SOURCE, OUTPUT, ignore=shutil.ignore_patterns("*.md", "*.py", "__pycache__"))
    for page, tokens in parsed.items():
        write(page, tokens, parser)
    sys.stdout.write(f"{len(pages)} pages in {OUTPUT.relative_to(ROOT)}/index.html\n")
    return 0


def headings(tokens: list[Token]) -> list[str]:
    """Return the anchors of a page's headings, as code forges make them, and set them."""
    found: list[str] = []
    for opening, inline in itertools.pairwise(tokens):
        if opening.type == "heading_open":
            words = re.sub(r"[^\w\s-]", "", inline.content.lower())
            found.append(re.sub(r"\s", "-", words.strip()))
            opening.attrSet("id", found[-1])
    return found


def broken_links(page: Path, tokens: list[Token], anchors: dict[Path, set[str]]) -> list[str]:
    """Return what is wrong with a page's links and pictures."""
    problems = []
    for target in targets(tokens):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            problems.append(f"{target} leads nowhere")
        elif anchor and anchor not in anchors.get(file, set()):
            problems.append(f"{target}: there is no such heading")
    return problems


def targets(tokens: list[Token]) -> list[str]:
    """Return where the links and pictures of some tokens lead."""
    found = []
    for token in tokens:
        for name in ("href", "src"):
            value = token.attrGet(name)
            if value is not None:
                found.append(str(value))
        found += targets(token.children or [])
    return found


def write(page: Path, tokens: list[Token], parser: MarkdownIt) -> None:
    """Write one page as HTML; links to other pages follow."""
    title = next(
        (inline.content for each, inline in itertools.pairwise(tokens) if each.tag == "h1"),
        page.stem,
    )
    body = parser.renderer.render(tokens, parser.options, {})
    body = re.sub(r'href="([^":#]+)\.md(#[^"]*)?"', r'href="\1.html\2"', body)
    home = "../" * len(page.relative_to(SOURCE).parents[1:]) + "index.html"
    out = OUTPUT / page.relative_to(SOURCE).with_suffix(".html")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
        f'<nav><a href="{home}">Roomkey</a></nav>{body}</html>\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    sys.exit(main())
