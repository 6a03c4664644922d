"""One line of comma separated values."""


def split_line(line):
    """The fields of a line; a field in quotes may hold commas, and quotes that are doubled."""
    fields, field = [], ""
    quoted = False
    at = 0
    while at < len(line):
        letter = line[at]
        if quoted:
            if letter == '"' and line[at + 1 : at + 2] == '"':
                field += '"'
                at += 1
            elif letter == '"':
                quoted = False
            else:
                field += letter
        elif letter == '"':
            quoted = True
        elif letter == ",":
            fields.append(field)
            field = ""
        else:
            field += letter
        at += 1
    if quoted:
        raise ValueError("a quote is not closed")
    fields.append(field)
    return fields


def join_line(fields):
    parts = []
    for field in fields:
        if any(letter in field for letter in ',"'):
            field = '"' + field.replace('"', '""') + '"'
        parts.append(field)
    return ",".join(parts)
