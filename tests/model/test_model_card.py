"""Model cards: the head that hubs read."""

from __future__ import annotations

from facegen.model.model_card import CRISP_HEADING, HUB_HEAD, with_crisp_section

CRISP = {"options": {"epochs": 3}, "data": {"note": "", "fingerprint": "abc"}}


def test_an_older_card_gets_the_head_when_a_crisp_decoder_comes():
    card = with_crisp_section("# Model card\n\nOlder.\n", CRISP)
    assert card.startswith(f"{HUB_HEAD}\n# Model card\n\nOlder.\n\n{CRISP_HEADING}\n")


def test_a_licence_that_somebody_has_said_stays():
    older = "---\nlicense: cc0-1.0\n---\n\n# Model card\n"
    once = with_crisp_section(older, CRISP)
    assert once.startswith(older)
    assert with_crisp_section(once, CRISP) == once
