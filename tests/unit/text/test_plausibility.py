"""Where the layer and the OCR engine disagree, the one that reads like writing wins."""

import pytest

from clerk.text.plausibility import Seen, combined, plausibility

ENGLISH = "The council approved the minutes of the previous meeting.\nIt heard three speakers on the water rates."
WRITING = {
    "English": ENGLISH,
    "capitals": "RESOLUTION NO. 2026-17 OF THE CITY COUNCIL OF THE CITY OF ALAMEDA",
    "Spanish": "El Senado aprobó las enmiendas al proyecto según el informe de la Comisión de Hacienda.",
    "Russian": "Городской совет утвердил протокол предыдущего заседания.",
    "Chinese": "市議會批准了上次會議的記錄並聽取了三位居民關於水費的意見",
    "figures": "Total expenditures 12,345.67 and (4,567) in 2026, or $1,000",
}
CHINESE = WRITING["Chinese"]

#: What tesseract with English data gives for Chinese and Cyrillic print.
NOISE = {
    "Chinese": "ANMWINR= RK XIE TARY HAIR SAITN A AIP ot Ae\nFATE IM UR EE THESES EARN FA Bete RIN ee\nBY UA eR ae TA",
    "Russian": "Fopogckou coBeT yTBepANn NpoToKoN npegbigyuiero 3acegaHua nu\nTpex »*«UTeNen Oo Tapucdbax Ha Bo“y",
    "signs": "| ~ » _ - = . : ; |} [ ]\n© ® § ¢ ~~ |",
}


@pytest.mark.parametrize("text", WRITING.values(), ids=WRITING)
def test_writing_is_plausible(text: str) -> None:
    assert plausibility(text) >= 0.9


@pytest.mark.parametrize("text", NOISE.values(), ids=NOISE)
def test_noise_is_less_so(text: str) -> None:
    assert plausibility(text) < 0.7
    assert plausibility("") == 0


@pytest.mark.parametrize("confidence", [0.3, None], ids=["doubted", "without an opinion"])
@pytest.mark.parametrize("script", ["Chinese", "Russian"])
def test_a_layer_wins_over_longer_noise_of_its_own_picture(script: str, confidence: float | None) -> None:
    noise = NOISE[script] * 9
    assert combined(WRITING[script], Seen(noise, confidence)) == (WRITING[script], False)


def test_a_scan_under_a_stamp_of_another_script_wins_and_the_stamp_stays() -> None:
    assert combined(CHINESE, Seen(ENGLISH, 0.95)) == (f"{ENGLISH}\n{CHINESE}", True)


def test_a_poor_layer_gives_way_to_a_good_reading() -> None:
    poor = "Tbe c0uncil approvcd tlle rninutes ol tlie prev1ous mceting.\nlt hcard tbree speakcrs on the watcr ralcs."
    assert combined(poor.translate(str.maketrans("aeo", "{}|")), Seen(ENGLISH, 0.95)) == (ENGLISH, True)


def test_a_stamp_that_the_engine_has_read_too_is_there_once() -> None:
    stamp = "Item 4.2, attachment 1"
    assert combined(stamp, Seen(f"{ENGLISH}\nItem 4.2, attachrnent 1", 0.9))[0].count("Item") == 1


def test_lines_that_only_the_engine_sees_are_put_below_a_longer_layer() -> None:
    layer = "\n".join([ENGLISH.upper().replace("COUNCIL", "BOARD")] * 3)
    more = "The breakwater contract was awarded to the lowest bidder"
    seen = Seen(f"{layer}\n{more}\n|~ rn ee", 0.9, frozenset())
    assert combined(layer, Seen(f"{more}\n|~ rn ee", 0.9)) == (f"{layer}\n{more}", True)
    assert combined(layer, Seen(f"{more}\n|~ rn ee", 0.9, frozenset({more}))) == (layer, False)
    assert combined(layer, seen)[0].count(more) == 1
