"""``/courses``: each course's code is the name of its room."""

from examples.courses.models import Course
from rooms.consumers import RoomNamespace
from rooms.policy_values import Action, Audience, Effect, NamespacePolicy, Policy, Rule, RuleSet
from rooms.registry import NamespaceDefaults


class Courses(RoomNamespace):
    """The rooms of courses, for those who take them."""

    defaults = NamespaceDefaults(title="Courses", welcome="Take your seats!")

    async def get_policy(self, name: str) -> Policy | None:
        """Let the students of a course that is running into its room."""
        course = await Course.objects.filter(code=name).afirst()
        if course is None:
            return None
        students = [
            Rule(f"student:{pk}", Effect.ALLOW, Audience.USER, Action.JOIN, user_id=str(pk))
            async for pk in course.students.values_list("pk", flat=True)
        ]
        return Policy(
            NamespacePolicy(self.namespace),
            name,
            access="members",
            is_open=course.is_running,
            rules=RuleSet(tuple(students)),
        )
