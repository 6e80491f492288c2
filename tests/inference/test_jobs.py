"""Tables as Excel, LibreOffice, pandas and editors write them, on any system; a fault is one sentence."""

import csv
import io
import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grisq.inference.jobs import read_jobs
from grisq.runtime.errors import InputError


@pytest.fixture
def read(tmp_path):
    """Jobs of a table with that content; two pictures lie next to it in photos/."""
    (tmp_path / "photos").mkdir()
    for name in ("001.jpg", "002.jpg"):
        (tmp_path / "photos" / name).touch()

    def jobs(content, encoding="utf-8", name="jobs.csv", given=None):
        data = content if isinstance(content, bytes) else content.encode(encoding)
        (tmp_path / name).write_bytes(data)
        return read_jobs(tmp_path / name, given)

    return jobs


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("picture,text\nphotos/001.jpg,Möwe links\n", "utf-8"),
        ("picture,text\nphotos/001.jpg,Möwe links\n", "utf-8-sig"),
        ("picture;text\r\nphotos/001.jpg;Möwe links\r\n", "cp1252"),
        ("picture\ttext\r\nphotos/001.jpg\tMöwe links\r\n", "utf-16"),
        ("picture\ttext\r\nphotos/001.jpg\tMöwe links\r\n", "utf-16-le"),
        ("picture,text\nphotos/001.jpg,Möwe links\n", "utf-16-be"),
        ("picture,text\nphotos/001.jpg,Möwe links\n", "utf-32"),
        ("Picture, TEXT \nphotos/001.jpg, Möwe links \n", "utf-8"),
        ('"picture";"text"\r"photos/001.jpg";"Möwe links"\r', "utf-8"),
        ("\n\npicture,text\n\n,\nphotos/001.jpg,Möwe links\n\n , \n", "utf-8"),
        ("text,note,picture\nMöwe links,,photos\\\\001.jpg\n".replace("\\\\", "\\"), "utf-8"),
    ],
)
def test_one_question_in_every_dialect(read, tmp_path, content, encoding):
    (job,) = read(content, encoding)
    assert (job.text, job.image_id, job.fault) == ("Möwe links", None, None)
    assert job.picture == tmp_path / "photos" / "001.jpg"


def test_windows_1252_is_a_guess_and_is_reported(read, caplog):
    with caplog.at_level(logging.WARNING):
        read("picture,text\na.jpg,Möwe\n", "cp1252")
    assert "read as Windows-1252" in caplog.text
    (job,) = read("picture,text\na.jpg,собака\n", "cp1251", given="cp1251")
    assert job.text == "собака"


def test_a_comma_in_a_text_needs_quotes_but_not_with_other_delimiters(read):
    assert read('picture,text\na.jpg,"the dog, left"\n')[0].text == "the dog, left"
    assert read('picture, text\na.jpg, "the dog, left"\n')[0].text == "the dog, left"
    assert read("picture;text\na.jpg;the dog, left\n")[0].text == "the dog, left"
    assert "holds a semicolon" in read("picture;text\na.jpg;the dog; left\n")[0].fault


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("a.jpg,dog,left", "3 fields"),
        ("a.jpg", "1 field and"),
        (",the dog", "picture is empty"),
        ("a.jpg,the \x00dog", "NUL character"),
        ("a\x00.jpg,the dog", "NUL character"),
        ("https://example.org/a.jpg,dog", "download the picture"),
        ('a.jpg,"the dog', "quotes do not pair"),
        ('a.jpg,"the dog" left', "quotes do not pair"),
    ],
)
def test_a_faulty_line_is_named_and_its_neighbors_are_read(read, line, sentence):
    jobs = read(f"picture,text\nb.jpg,two dogs\n\n{line}\nc.jpg,the cat\n")
    assert [job.line for job in jobs] == [2, 4, 5]
    assert [job.text for job in jobs if not job.fault] == ["two dogs", "the cat"]
    assert sentence in jobs[1].fault


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("000000000139", 139),
        (" 7 ", 7),
        ("²", "²"),
        ("٣", "٣"),
        ("12a", "12a"),
        ("-3", "-3"),
        ("", None),
        ("9" * 19, "9" * 19),
    ],
)
def test_ids_are_whole_numbers_or_text(read, written, expected):
    assert read(f"picture,text,Image ID\na.jpg,dog,{written}\n")[0].image_id == expected


def test_lines_of_json_are_read_too(read, tmp_path):
    lines = [{"picture": "photos/001.jpg", "text": "dog, left", "image_id": 7}, {"Picture": "b.jpg"}, [1]]
    jobs = read("\n\n".join(map(json.dumps, lines)), "utf-8-sig", "jobs.jsonl")
    assert [job.line for job in jobs] == [1, 3, 5]
    assert (jobs[0].picture, jobs[0].text, jobs[0].image_id) == (tmp_path / "photos/001.jpg", "dog, left", 7)
    assert "no field 'text'" in jobs[1].fault
    assert "no JSON object" in jobs[2].fault


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no column 'picture'"),
        (b"image,text\na.png,dog\n", "no column 'picture'"),
        (b"picture\na.png\n", "no column 'text'"),
        (b"picture,text,Text\na.png,dog,cat\n", "more than one column 'text'"),
        (b"picture,text\n\n", "holds no expression"),
        (b"\n \n\n", "no column 'picture' in its first line"),
        (b"picture,text\na.png,\x81\x8d\n", "save it as CSV UTF-8"),
        (b"\xff\xfep", "is not utf-16 text"),
    ],
)
def test_what_is_no_table_is_one_sentence(read, content, sentence):
    with pytest.raises(InputError, match=sentence):
        read(content)


def test_a_missing_table_and_an_unknown_encoding_are_named(read, tmp_path):
    with pytest.raises(InputError, match="is missing"):
        read_jobs(tmp_path / "none.csv")
    with pytest.raises(InputError, match="no encoding 'utf-9'"):
        read("picture,text\na,b\n", given="utf-9")
    with pytest.raises(InputError, match="is not ascii text"):
        read("picture,text\na,ü\n", given="ascii")


FIELD = (
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1).map(str.strip).filter(bool)
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(FIELD.filter(lambda name: "\\" not in name), FIELD), min_size=1, max_size=5),
    st.sampled_from([csv.excel, csv.excel_tab, csv.unix_dialect]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_pythons_own_writer_writes_is_read_back(tmp_path_factory, rows, dialect, encoding):
    file = io.StringIO()
    csv.writer(file, dialect).writerows([("picture", "text"), *rows])
    path = tmp_path_factory.mktemp("jobs") / "jobs.csv"
    path.write_bytes(file.getvalue().encode(encoding))
    jobs = read_jobs(path)
    addresses = ("http://", "https://")
    assert [(job.picture, job.text) for job in jobs] == [
        (path.parent if name.startswith(addresses) else path.parent / name, text) for name, text in rows
    ]
