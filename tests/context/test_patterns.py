import pytest

from pibridge.context.patterns import levels, wildcards


@pytest.mark.parametrize(
    ("pattern", "admitted", "others"),
    [
        (r"\\PI\R1.*", [r"\\PI\R1.", r"\\pi\r1.Level/2"], [r"\\PI\R1xLevel", r"\\PI\R12.Level"]),
        ("S?NUS*", ["SINUSOID", "sinus"], ["SNUSOID", "xSINUS"]),
        ("a+b", ["A+B"], ["aab"]),
    ],
)
def test_names_with_wildcards(pattern: str, admitted: list[str], others: list[str]) -> None:
    """`*` is any run of characters, `?` is one, everything else is itself; case does not matter."""
    assert [name for name in admitted + others if wildcards(pattern).fullmatch(name)] == admitted


@pytest.mark.parametrize(
    ("pattern", "admitted", "others"),
    [
        ("Plant/Area1/R1", ["Plant/Area1/R1", "plant/AREA1/r1"], ["Plant/Area1/R1/Agitator", "Plant/Area1/R12"]),
        ("Plant/*/R?", ["Plant/Area1/R1", "Plant/x/R2"], ["Plant/R1", "Plant/a/b/R1", "Plant/a/R12", "Plant/a/R/"]),
        ("Plant/R1/**", ["Plant/R1", "Plant/R1/A", "Plant/R1/A/B"], ["Plant/R12", "Plant", "Plant/R12/A"]),
        ("Plant/**/R1", ["Plant/R1", "Plant/a/R1", "Plant/a/b/R1"], ["Plant/aR1", "Plant/a/R1/x"]),
        ("**/R1", ["R1", "Plant/R1", "Plant/a/R1"], ["PlantR1", "R1/x"]),
        ("**", ["Plant", "Plant/a/b"], []),
        ("Plant/R**", ["Plant/R1", "Plant/R/x/y"], ["Plant/x/R"]),
        ("Plant/a%2Fb", ["Plant/a%2Fb"], ["Plant/a/b"]),
    ],
)
def test_asset_paths_with_wildcards(pattern: str, admitted: list[str], others: list[str]) -> None:
    """`*` stays within one level, `**` crosses levels, and as a level of its own it may be none."""
    assert [path for path in admitted + others if levels(pattern).fullmatch(path)] == admitted
