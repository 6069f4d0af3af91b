"""The page of rules shows what the checkers are tested with."""

from __future__ import annotations

import pytest

from tools.contract.rules import Rule, load_rules


@pytest.fixture(scope="module")
def article(build):
    page = "# 规则\n\n```{contract-rules}\n```\n"
    built = build({"docs/index.md": page}, extensions=["contract_rules"])
    assert built.warnings == ""
    return built.article("index")


def test_every_rule_has_an_anchor_its_text_and_its_examples(article) -> None:
    for rule in load_rules():
        node = article.find(id=f"rule-{rule.name}")
        assert rule.name in node.code.text
        labels = [label.text for label in node.select(".rule-label")]
        assert labels in (["对", "错"], ["错"])


def test_an_addition_shows_only_what_was_added() -> None:
    from contract_rules import examples

    assert examples(Rule("x-y", "", right="a", wrong="b\n\na")) == [("错", "b")]
    assert examples(Rule("x-y", "", right="  a", wrong="")) == [
        ("对", "a"),
        ("错", "（没有这一行）"),
    ]


def test_an_unknown_field_names_the_rule(tmp_path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[a-b]\nwhat = ""\nright = ""\nwrong = ""\nstag = "x"\n')
    with pytest.raises(ValueError, match=r"rules\.toml: \[a-b\]: .*'stag'"):
        load_rules(file)
    file.write_text('[a-b]\nwhat = ""\nright = ""\nwrong = ""\nstage = "x"\n')
    with pytest.raises(ValueError, match=r"\[a-b\]: unknown stage"):
        load_rules(file)
