"""The example of the how-to, rooms that are rows of its own model: it works, and stands there."""

from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User

from examples.courses.consumers import Courses
from examples.courses.models import Course
from realtime.namespaces.database import in_database
from rooms.models import AccessRule, Ban, Mute, Namespace, Room
from tests.rooms.sockets import Client, Site, serving
from tests.rooms.test_live import sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def latin() -> Course:
    return Course.objects.create(code="latin")


@pytest.fixture
def alice() -> User:
    return get_user_model().objects.create_user("alice")


async def come_in(site: Site, user: User) -> Client:
    session = await in_database(sign_in, user)
    return await site.connect("/ws/courses/", cookie=f"sessionid={session.session_key}")


async def test_students_are_let_in_and_others_are_told_why_not(latin: Course, alice: User) -> None:
    await latin.students.aadd(alice)
    bob = await get_user_model().objects.acreate_user("bob")
    async with serving(courses=Courses) as site:
        student, other, guest = (
            await come_in(site, alice),
            await come_in(site, bob),
            await site.connect("/ws/courses/"),
        )
        assert (await student.call("joinRoom", "latin"))["ok"]
        assert (await other.call("joinRoom", "latin"))["code"] == "not_a_member"
        assert (await guest.call("joinRoom", "latin"))["code"] == "login_required"
        assert (await student.call("joinRoom", "greek"))["code"] == "unknown_room"
        assert (await student.call("message", {"room": "latin", "text": "salve"}))["offset"] == 1


async def test_who_drops_a_course_leaves_its_room_at_once(latin: Course, alice: User) -> None:
    await latin.students.aadd(alice)
    async with serving(courses=Courses) as site:
        student = await come_in(site, alice)
        await student.call("joinRoom", "latin")
        await student.all_heard()
        await sync_to_async(latin.students.remove)(alice)
        (news,) = await student.hear_only("kicked")
        assert (news["room"], news["code"]) == ("latin", "not_a_member")


async def test_a_course_that_ends_closes_its_room(latin: Course, alice: User) -> None:
    await latin.students.aadd(alice)
    async with serving(courses=Courses) as site:
        student = await come_in(site, alice)
        await student.call("joinRoom", "latin")
        await student.all_heard()
        latin.is_running = False
        await latin.asave()
        (news,) = await student.hear_only("kicked")
        assert news["code"] == "room_closed"


async def test_what_staff_do_in_the_admin_counts_on_top_of_an_own_policy(
    latin: Course, alice: User
) -> None:
    await latin.students.aadd(alice)
    async with serving(courses=Courses) as site:
        student = await come_in(site, alice)
        await student.call("joinRoom", "latin")
        await student.all_heard()
        said = {"room": "latin", "text": "salve"}
        mute = await Mute.objects.acreate(user=alice)
        assert (await student.call("message", said))["code"] == "muted"
        await mute.adelete()
        namespace = await Namespace.objects.aget(path="/courses")
        rule = await AccessRule.objects.acreate(namespace=namespace, effect="deny", action="send")
        assert (await student.call("message", said))["code"] == "forbidden"
        await rule.adelete()
        assert (await student.call("message", said))["ok"]
        await student.all_heard()
        await Ban.objects.acreate(room=await Room.objects.aget(name="latin"), user=alice)
        (news,) = await student.hear_only("kicked")
        assert news["code"] == "banned"
        assert (await student.call("joinRoom", "latin"))["code"] == "banned"


def test_the_how_to_shows_the_example_as_it_is() -> None:
    page = (settings.BASE_DIR / "docs/how-to/rooms-of-your-own-model.md").read_text()
    for name in ("models", "consumers", "changes"):
        source = Path(settings.BASE_DIR / f"examples/courses/{name}.py").read_text()
        _docstring, _blank, code = source.split("\n", 2)
        assert code.strip() in page, name
