"""The v2 dialect: LVNG's voice notes, on the same notes as v1's."""
