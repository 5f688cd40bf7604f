"""From values that the fuzzer, or thinking, found in earlier versions: each was allowed and showed a foreign address.

They are replayed in the suite, and the fuzzer starts from them.
"""

HOLES: list[bytes] = [
    # Marks that the eye, or another program, takes for a part of the address.
    b' "ceo\'john@brand-a.test" <john@brand-a.test>',
    b' "ceo`john@brand-a.test" <john@brand-a.test>',
    b' "x|john@brand-a.test" <john@brand-a.test>',
    b' "!john@brand-a.test" <john@brand-a.test>',
    # Quotes: in the text as it stands, behind the decoding, and as a parser joins them.
    b' "john+\\ceo@brand-a.test" <john@brand-a.test>',
    b" =?utf-8?q?=22ceo=22=40bank.test?= <john@brand-a.test>",
    b' "=?iso-8859-1?q?3=22john=40brand-a.test?==?utf-8?q??=" <john@brand-a.test>',
    # Encoded words: shown undecoded, decoded with the space between them, and decoded one by one.
    b' "=?utf-8?q?john+?=x@brand-a.test" <john@brand-a.test>',
    b" =?utf-8?q?john+?= =?utf-8?q?ceo=40brand-a.test?= <john@brand-a.test>",
    b' "=?utf-8?q?,john+?=x@brand-a.test" <john@brand-a.test>',
    b" =?iso-2022-jp?q?=1B$B?= =?iso-2022-jp?q?ceo=40bak.co?= <john@brand-a.test>",
    # Characters that compatibility forms, or leaving out what is not seen, made the same as an owned address.
    ' "ｊohn@brand-a.test" <john@brand-a.test>'.encode(),
    ' "john+x\u200bmary@brand-a.test" <john@brand-a.test>'.encode(),
    # What a person reads as an address: an @ in brackets of its own, behind a bracket, before a stray mark.
    b' "ceo(@)bank.test" <john@brand-a.test>',
    b' "ceo (@) bank.test" <john@brand-a.test>',
    b' "ceo[@]bank.test" <john@brand-a.test>',
    b' "ceo <@bank.test>" <john@brand-a.test>',
    b' "ceo@. bank.test" <john@brand-a.test>',
    b' "ceo@! bank.test" <john@brand-a.test>',
    # A word that ends at the last mark of several; entities of HTML, undone once too often.
    b" =?utf-8?Q?ceo?=40bank.test?= <john@brand-a.test>",
    b' "ceo&commat;bank.test" <john@brand-a.test>',
    b' "ceo&#64;bank.test" <john@brand-a.test>',
    # Dots that only look like dots.
    *(f' "ceo @ bank{dot}test" <john@brand-a.test>'.encode() for dot in "\ua4f8\u0660\u06d4\u00b7"),
]
