import pytest

from csv_line import join_line, split_line


def test_plain():
    assert split_line("a,b,,c") == ["a", "b", "", "c"]


def test_comma_in_quotes():
    assert split_line('"a,b",c') == ["a,b", "c"]


def test_doubled_quotes():
    assert split_line('"say ""hi""",x') == ['say "hi"', "x"]


def test_not_closed():
    with pytest.raises(ValueError):
        split_line('"a')


def test_join():
    assert join_line(["a", "b,c"]) == 'a,"b,c"'


def test_there_and_back():
    fields = ['"', ",", 'a"b', ""]
    assert split_line(join_line(fields)) == fields
