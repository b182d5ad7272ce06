# SPDX-License-Identifier: BSD-2-Clause
"""Reads the public headers: their docstrings, and what these speak of.

A docstring is a comment that begins with two asterisks.  That of a function ends with what it Returns, who its
Callers may be, its Progress, and what a Death in it leaves; several labels may share one text, as in
"Callers, Death: as stoa_value_store()".  It holds for all functions that follow, up to the next comment.
Members have theirs behind them.  stoa/base.h says what an error means that is named without a word.
"""
import re

LABELS = ("Returns", "Callers", "Progress", "Death")
ONE_LABEL = "(?:" + "|".join(LABELS) + ")"
FIELD = re.compile(rf"(?:^|(?<=[.)])\s+)({ONE_LABEL}(?:, {ONE_LABEL})*):\s", re.MULTILINE)
ERROR = r"(?:-E[A-Z0-9]+|STOA_[A-Z_]+|0)"
LEAD = re.compile(rf"({ERROR}(?:(?:, | or | and ){ERROR})*)(?![\w-])[:,]?\s*")
AS = re.compile(r"\bas (stoa_\w+)\(\)")

# Machinery of stoa/inline.h, which is in the header for the compiler alone.
PRIVATE = re.compile(r"stoa_(hot|number)_")
TOKEN = re.compile(
    r"/\*\*(?P<doc>.*?)\*/"
    r"|/\*(?P<plain>.*?)\*/"
    r"|^(?P<kind>struct|enum) (?P<type>\w+) \{(?P<body>.*?)^\};"
    r"|^(?:extern )?STOA_API (?P<symbol>[^;]*);"
    r"|^static inline (?P<inline>[^{;]*)\n\{.*?^\}",
    re.DOTALL | re.MULTILINE,
)
MEMBER = re.compile(
    r"(?:/\*\*(?!<)(?P<before>.*?)\*/\s*)?(?P<what>[^/,;{}]+?)[,;]\s*(?:/\*\*<(?P<after>.*?)\*/)?", re.DOTALL
)


def plain_text(comment):
    """What a comment says, without the asterisks at the left."""
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in comment.split("\n")]
    return "\n".join(lines).strip("\n")


def one_line(text):
    return " ".join(text.split())


class Docs:
    """A docstring: what it says first, and its fields by label."""

    def __init__(self, text):
        self.text = text
        first = re.search(rf"^{ONE_LABEL}(?:, {ONE_LABEL})*: ", text, re.MULTILINE)
        self.said = (text[: first.start()] if first else text).strip("\n")
        self.fields = {}
        pieces = FIELD.split(one_line(text[first.start() :]))[1:] if first else []
        for labels, words in zip(pieces[::2], pieces[1::2]):
            for label in labels.split(", "):
                self.fields[label] = words.strip() if label not in self.fields else None

    def faults(self):
        if not self.said.strip():
            yield "says nothing"
        for label in LABELS:
            if label not in self.fields:
                yield f"has no {label}"
            elif not self.fields[label]:
                yield f"says its {label} twice, or not at all"

    def summary(self):
        """The first clause, as apropos shows it."""
        first = re.split(r"[.;:](?:\s|$)", one_line(self.said))[0].replace("`", "")
        return first[:1].lower() + first[1:]


class Function:
    """A function, or an object that is exported."""

    def __init__(self, prototype, header):
        self.prototype = one_line(prototype)
        self.name = re.search(r"(\w+)\s*(?:\(|$)", self.prototype).group(1)
        self.called = "(" in self.prototype
        self.header = header


class Type:
    """A struct or an enum: members are (declaration, comment)."""

    def __init__(self, kind, name, docs, body, header):
        self.kind, self.name, self.header = kind, name, header
        self.said = docs.said if docs else ""
        self.members = []
        body = re.sub(r"/\*[^*].*?\*/", "", body, flags=re.DOTALL)
        for match in MEMBER.finditer(body):
            comment = match["after"] or match["before"] or ""
            self.members.append((one_line(match["what"]), one_line(plain_text(comment))))

    def names(self):
        """The enumerators."""
        return [m[0].split()[0] for m in self.members] if self.kind == "enum" else []


class Family:
    """Functions that share a docstring."""

    def __init__(self, docs):
        self.docs = docs
        self.functions = []

    @property
    def name(self):
        return self.functions[0].name


class Header:
    def __init__(self, path):
        self.name = "stoa/" + path.name
        self.families, self.types, self.faults = [], [], []
        self.things = []  # both, in their order
        text = macros_expanded(path.read_text(encoding="utf-8"))
        docs, self.head = None, None
        for token in TOKEN.finditer(text):
            if token["doc"] is not None:
                if self.head is None:
                    self.head = head_text(plain_text(token["doc"]), self.name)
                    continue
                docs = Family(Docs(plain_text(token["doc"])))
            elif token["plain"] is not None:
                docs = None
            elif token["kind"]:
                said = docs and not docs.functions and docs.docs
                self.add_type(Type(token["kind"], token["type"], said, token["body"], self.name))
                docs = None
            else:
                self.add(Function(token["symbol"] or token["inline"], self.name), docs)

    def add_type(self, kind):
        if not PRIVATE.match(kind.name):
            self.types.append(kind)
            self.things.append(kind)

    def add(self, function, family):
        if PRIVATE.match(function.name):
            return
        if family is None:
            self.faults.append(f"{self.name}: {function.name} has no docstring")
            return
        if not family.functions:
            self.families.append(family)
            self.things.append(family)
            if function.called:
                self.faults += [f"{self.name}: {function.name} {fault}" for fault in family.docs.faults()]
        family.functions.append(function)


def head_text(text, name):
    """The essay at the head, without the file's name."""
    text = re.sub(rf"^{re.escape(name)} - ", "", text)
    return text[:1].upper() + text[1:]


def macros_expanded(text):
    """Without preprocessor lines; functions that a macro makes, one set for each suffix, are written out."""
    macro = re.compile(r"^#define (\w+)\(([^)]*)\)\s*\\\n((?:[^\n]*\\\n)*[^\n]*\n)", re.MULTILINE)
    for name, parameters, body in macro.findall(text):
        if "static inline" not in body:
            continue
        body = re.sub(r"\s*\\$", "", body, flags=re.MULTILINE)
        body = re.sub(r"^\t", "", body, flags=re.MULTILINE)

        def write_out(use, body=body, parameters=parameters):
            for parameter, argument in zip(parameters.split(","), use[1].split(",")):
                body = re.sub(rf"(?:##)?\b{parameter.strip()}\b", argument.strip(), body)
            return body

        text = re.sub(rf"^{name}\(([^)]*)\)$", write_out, text, flags=re.MULTILINE)
    return re.sub(r"^\s*#(?:\\\n|[^\n])*\n", "", text, flags=re.MULTILINE)


class Reference:
    """All public headers."""

    def __init__(self, paths):
        self.headers = [Header(path) for path in sorted(paths, key=in_order)]
        self.families = [f for h in self.headers for f in h.families]
        self.types = [t for h in self.headers for t in h.types]
        self.family_of = {f.name: family for family in self.families for f in family.functions}
        self.faults = [fault for h in self.headers for fault in h.faults]
        self.meanings = meanings(self.headers)
        self.faults += [
            f"stoa/base.h: does not say what {name} means, which {family.name} returns"
            for family in self.families
            for names, words in self.returns(family)
            for name in names
            if not words
        ]
        self.home = {}  # of a type: the family on whose page it is
        for kind in self.types:
            self.home[kind.name] = self.find_home(kind)
            if self.home[kind.name] is None:
                self.faults.append(f"{kind.header}: no function speaks of {kind.kind} {kind.name}")

    def find_home(self, kind):
        """The first function behind it that takes it, or, of an enum, first speaks of it or one of its names, or
        takes a struct that does."""
        things = [thing for h in self.headers for thing in h.things]
        behind = things[things.index(kind) + 1 :]
        for family in behind:
            if isinstance(family, Family) and any(
                f"{kind.kind} {kind.name} " in f.prototype for f in family.functions
            ):
                return family
        names = re.compile(r"\b(?:" + "|".join([kind.name] + kind.names()) + r")\b")
        for thing in behind if kind.kind == "enum" else []:
            if isinstance(thing, Family) and names.search(f"{thing.docs.said} {thing.docs.fields}"):
                return thing
            if isinstance(thing, Type) and thing.kind == "struct" and names.search(str(thing.members)):
                return self.find_home(thing)
        return None

    def types_of(self, family):
        return [t for t in self.types if self.home[t.name] is family]

    def field(self, family, label):
        """A field; where it says only "as another", what is said there."""
        words = family.docs.fields.get(label) or ""
        other = re.fullmatch(r"as (stoa_\w+)\(\)\.?", words)
        if other and other[1] in self.family_of:
            return self.field(self.family_of[other[1]], label)
        return words

    def returns(self, family):
        """What it returns: (names, words), in order; names is empty where words say it all."""
        return [item for part in split_returns(self.field(family, "Returns")) for item in self.item(part)]

    def item(self, part):
        lead = LEAD.match(part)
        if not lead:
            return [([], part)]
        names, words = re.findall(ERROR, lead[1]), part[lead.end() :].strip()
        inside = re.fullmatch(r"\((.*)\)", words, re.DOTALL)
        if inside and balanced(inside[1]):
            words = inside[1]
        if words:
            return [(names, words)]
        return [([name], self.meanings.get(name, "")) for name in names]

    def answers(self, family):
        """The same as (names, words, whether a list follows), with what "as another" says written out behind it."""
        own = self.returns(family)
        said = {name for names, words in own for name in names}
        said |= {name for names, words in own if not names for name in re.findall(ERROR, words)}
        for names, words in own:
            other = not names and AS.search(words)
            more = []
            if other and other[1] in self.family_of:
                more = self.returns(self.family_of[other[1]])
                more = [(n, w, False) for n, w in more if n and not said & set(n)]
            if words.startswith("faults"):
                more = [item for item in more if item[0][0].startswith("-")]
            yield names, words, bool(more)
            yield from more


def in_order(path):
    """Headers as they build on each other."""
    order = ["base", "segment", "value", "array", "queue", "sync", "inspect", "inline", "inline_number"]
    return (order.index(path.stem) if path.stem in order else len(order), path.stem)


def meanings(headers):
    """What a name means that stands alone: errors from stoa/base.h, outcomes from their enum."""
    found = {}
    for header in headers:
        found.update(re.findall(r"^\s*(-E[A-Z0-9]+)  +(\S.*)$", header.head or "", re.MULTILINE))
        for kind in header.types:
            if kind.name == "stoa_outcome":
                found.update((what.split()[0], words) for what, words in kind.members)
    found["0"] = found.get("STOA_OK", "")
    return found


def balanced(text):
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0


def split_returns(text):
    """The items of a list: at semicolons, and at the ends of sentences, but not inside brackets."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        end = character == ";" or (character == "." and re.match(r"\.\s+[A-Z`-]|\.?$", text[at:]))
        if end and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]
