import pytest

from vocafuse_server.transcription.engine import UnknownLanguage
from vocafuse_server.transcription.languages import LANGUAGES, has_spaces, language_code, language_name


def test_there_are_whispers_hundred_languages() -> None:
    assert len(LANGUAGES) == 100
    assert all(name == name.lower() for name in LANGUAGES.values())


@pytest.mark.parametrize("code", LANGUAGES)
def test_code_and_name_lead_to_each_other(code: str) -> None:
    assert language_code(language_name(code)) == code
    assert language_code(code.upper()) == code


@pytest.mark.parametrize(
    ("given", "code"),
    [
        *(("en-GB", "en"), ("pt_BR", "pt"), (" German ", "de"), ("Haitian Creole", "ht")),
        *(("jv", "jw"), ("nb", "no"), ("nb-NO", "no")),  # ISO 639-1's own
    ],
)
def test_tags_and_names_are_understood(given: str, code: str) -> None:
    assert language_code(given) == code


@pytest.mark.parametrize("given", ["", "xx", "klingon", "<|en|>"])
def test_others_are_refused(given: str) -> None:
    with pytest.raises(UnknownLanguage, match="language"):
        language_code(given)
    with pytest.raises(UnknownLanguage):
        language_name(given)


def test_scripts_without_spaces() -> None:
    assert [code for code in ("en", "ja", "ko", "th", "zh") if not has_spaces(code)] == ["ja", "th", "zh"]
