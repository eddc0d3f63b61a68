"""What changes in courses is felt in their rooms at once."""

from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver

from examples.courses.models import Course
from rooms.live import recheck


@receiver([post_save, post_delete], sender=Course)
@receiver(m2m_changed, sender=Course.students.through)
def course_changed(**_: object) -> None:
    """Ask again about everybody who is in a room of a course."""
    recheck("/courses")
