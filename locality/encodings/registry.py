"""The encodings by name. A new one is one file here and one line below; the conformance suite picks it up."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from locality.encodings.base import Encoding
from locality.encodings.constant import Constant
from locality.encodings.dictionary import DictionaryEncoding
from locality.encodings.frame import Frame
from locality.encodings.opaque import Opaque
from locality.encodings.plain import Plain
from locality.encodings.rle import RunLength
from locality.encodings.scaled import Scaled
from locality.encodings.text import Text

ENCODINGS: Mapping[str, Encoding] = MappingProxyType(
    {
        encoding.name: encoding
        for encoding in (Plain(), Frame(), Scaled(), DictionaryEncoding(), RunLength(), Constant(), Text(), Opaque())
    }
)
