"""roff.py: text as man pages have it, for help.py and manual.py."""
import textwrap


def roff(text):
    """Text in which nothing is a command, and a dash is one."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\`").replace("'", "\\(aq").replace("^", "\\(ha")
    return text.replace("~", "\\(ti")


def lines(text):
    """Text whose paragraphs stand in lines of their own, or have empty lines between them."""
    for paragraph in text.splitlines():
        # Escaped before it is wrapped: there are lines of at most 78 bytes. A dot or a quote begins no request.
        for line in textwrap.wrap(roff(paragraph), 78, break_long_words=False, break_on_hyphens=False) or [".PP"]:
            yield ("\\&" if line[0] in ".'" and line != ".PP" else "") + line


def code(text_lines):
    """Lines as they are."""
    yield from [".EX", *("    " + roff(text) if text else "" for text in text_lines), ".EE"]


def head(name, section, version, summary):
    title = {"1": "User Commands", "3": "Library Functions Manual"}[section]
    yield f'.TH {name.upper()} {section} "" "clact {version}" "{title}"'
    yield from [".SH NAME", f"{name} \\- {roff(summary)}"]


def see_also(pages, text=""):
    """pages: such as clact(1)."""
    yield ".SH SEE ALSO"
    for i, page in enumerate(pages):
        name, section = page.rstrip(")").split("(")
        yield f".BR {roff(name)} ({section}){',' if i + 1 < len(pages) else ''}"
    yield from [".PP", *lines(text)] if text else []


def write(path, page):
    """Without paragraphs that begin a section, where they are one already."""
    with open(path, "w", encoding="utf-8") as file:
        last = ""
        for line in page:
            if not (line == ".PP" and last[:3] in (".SH", ".SS", ".RS", ".PP")):
                file.write(line + "\n")
                last = line
