"""The languages of Whisper: its codes and their English names."""

from vocafuse_server.transcription.engine import UnknownLanguage

ENGLISH = "en"
# fmt: off
LANGUAGES = {
    "af": "afrikaans", "am": "amharic", "ar": "arabic", "as": "assamese", "az": "azerbaijani",
    "ba": "bashkir", "be": "belarusian", "bg": "bulgarian", "bn": "bengali", "bo": "tibetan",
    "br": "breton", "bs": "bosnian", "ca": "catalan", "cs": "czech", "cy": "welsh", "da": "danish",
    "de": "german", "el": "greek", "en": "english", "es": "spanish", "et": "estonian", "eu": "basque",
    "fa": "persian", "fi": "finnish", "fo": "faroese", "fr": "french", "gl": "galician", "gu": "gujarati",
    "ha": "hausa", "haw": "hawaiian", "he": "hebrew", "hi": "hindi", "hr": "croatian",
    "ht": "haitian creole", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "is": "icelandic",
    "it": "italian", "ja": "japanese", "jw": "javanese", "ka": "georgian", "kk": "kazakh", "km": "khmer",
    "kn": "kannada", "ko": "korean", "la": "latin", "lb": "luxembourgish", "ln": "lingala", "lo": "lao",
    "lt": "lithuanian", "lv": "latvian", "mg": "malagasy", "mi": "maori", "mk": "macedonian",
    "ml": "malayalam", "mn": "mongolian", "mr": "marathi", "ms": "malay", "mt": "maltese", "my": "myanmar",
    "ne": "nepali", "nl": "dutch", "nn": "nynorsk", "no": "norwegian", "oc": "occitan", "pa": "punjabi",
    "pl": "polish", "ps": "pashto", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sa": "sanskrit",
    "sd": "sindhi", "si": "sinhala", "sk": "slovak", "sl": "slovenian", "sn": "shona", "so": "somali",
    "sq": "albanian", "sr": "serbian", "su": "sundanese", "sv": "swedish", "sw": "swahili", "ta": "tamil",
    "te": "telugu", "tg": "tajik", "th": "thai", "tk": "turkmen", "tl": "tagalog", "tr": "turkish",
    "tt": "tatar", "uk": "ukrainian", "ur": "urdu", "uz": "uzbek", "vi": "vietnamese", "yi": "yiddish",
    "yo": "yoruba", "yue": "cantonese", "zh": "chinese",
}
# fmt: on
"""Whisper's code to the English name, in lower case."""

_IN_ISO_639_1 = {"jv": "jw", "nb": "no"}
"""Codes of the standard that Whisper has another one for."""
_WITHOUT_SPACES = frozenset({"ja", "lo", "my", "th", "yue", "zh"})


def language_name(code: str) -> str:
    """The English name of a language, in lower case.

    Raises:
        UnknownLanguage: Whisper has no such code.
    """
    try:
        return LANGUAGES[code]
    except KeyError:
        raise UnknownLanguage(f"{code!r} is not a language code of Whisper.") from None


def language_code(name_or_code: str) -> str:
    """Whisper's code for a code (also ISO 639-1's), an English name or a tag ("en-GB"), in any case.

    Raises:
        UnknownLanguage: It is none of these.
    """
    wanted = name_or_code.strip().casefold().replace("_", "-")
    if (code := _IN_ISO_639_1.get(wanted, wanted)) in LANGUAGES:
        return code
    for code, name in LANGUAGES.items():
        if name == wanted:
            return code
    tagged, hyphen, _ = wanted.partition("-")
    if hyphen and (code := _IN_ISO_639_1.get(tagged, tagged)) in LANGUAGES:
        return code
    raise UnknownLanguage(f"{name_or_code!r} is not a language that Whisper knows.")


def has_spaces(code: str) -> bool:
    """Whether the language puts spaces between words."""
    return code not in _WITHOUT_SPACES
