"""docs/how-to/moderate.md: its commands run as they stand there, and its buttons have its names."""

import re
import shlex
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from rooms.models import DecisionRecord, Room
from tests.rooms.people import join, make_user

BASE = Path(settings.BASE_DIR)
PAGE = (BASE / "docs/how-to/moderate.md").read_text()
COMMANDS = re.findall(r"^\$ python manage\.py (.+)$", PAGE, re.MULTILINE)
CONTROLS = sorted(
    {
        part.strip()
        for words in re.findall(r"\*\*(.+?)\*\*", PAGE)
        for part in words.rstrip(".").split("→")
        if part.strip() not in {"this once"}
    }
)
IMAGE_MAX_BYTES = 80_000


@pytest.mark.django_db
def test_the_commands_run_as_they_stand_there() -> None:
    call_command("seed_demo", password="of-the-demo", stdout=StringIO())
    Room.objects.filter(name="clan").update(access="members")
    DecisionRecord.objects.create(
        ref="7p6c7kx7", kind="join", code="not_a_member", namespace="/games", room="clan"
    )
    join(make_user("somebody"), "csgo")
    printed = {}
    for command in COMMANDS:
        out = StringIO()
        call_command(*shlex.split(command), stdout=out)
        printed[command] = out.getvalue()
    assert len(printed) == 4
    assert printed["explain admin /games/clan"].startswith("admin, join: allowed")
    assert "denied: not_a_member" in printed["explain 7p6c7kx7"]
    assert "somebody" in printed["who /games/csgo"]
    assert "Kicked." in printed['kick bob /games/csgo --reason "Be kind"']


@pytest.mark.parametrize("name", CONTROLS)
def test_what_the_page_tells_people_to_press_is_called_so(name: str) -> None:
    said = " ".join(
        path.read_text()
        for folder, kind in (
            ("rooms/admin", "*.py"),
            ("rooms/templates/admin", "*.html"),
            ("rooms/models", "*.py"),
        )
        for path in (BASE / folder).rglob(kind)
    )
    # Names of models are capitalized by the admin, and "Add room" is Django's.
    assert name in said or name.lower() in said or name == "Add room"


def test_its_pictures_are_there_and_small() -> None:
    pictures = re.findall(r"\]\(\.\./images/(\S+\.png)\)", PAGE)
    assert len(pictures) == 4
    for name in pictures:
        size = (BASE / "docs/images" / name).stat().st_size
        assert 5_000 < size < IMAGE_MAX_BYTES, name
