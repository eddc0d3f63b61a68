"""Days of history and slow mode have a most: beyond the calendar's end no date could be made."""

from django.apps.registry import Apps
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

HISTORY_DAYS_MAX = 36_500
SLOW_MODE_MAX_S = 366 * 86_400


def bound_rooms(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Bring what is there within the bounds."""
    rooms = apps.get_model("rooms", "Room").objects
    rooms.filter(history_days__gt=HISTORY_DAYS_MAX).update(history_days=None)
    rooms.filter(slow_mode_s__gt=SLOW_MODE_MAX_S).update(slow_mode_s=SLOW_MODE_MAX_S)
    if editor.connection.vendor == "postgresql":
        # It alters no table whose rows have checks that wait for the commit.
        editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


class Migration(migrations.Migration):
    """Bound them, in forms and in the database."""

    dependencies = [("rooms", "0007_kicked_seats_index")]

    operations = [
        migrations.RunPython(bound_rooms, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="room",
            name="history_days",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Messages older than this are dropped. Empty: of any age.",
                null=True,
                validators=[MinValueValidator(1), MaxValueValidator(HISTORY_DAYS_MAX)],
                verbose_name="days kept",
            ),
        ),
        migrations.AlterField(
            model_name="room",
            name="slow_mode_s",
            field=models.PositiveIntegerField(
                default=0,
                help_text="The least time between two messages of one person. 0: no limit.",
                validators=[MaxValueValidator(SLOW_MODE_MAX_S)],
                verbose_name="slow mode (seconds)",
            ),
        ),
        migrations.RemoveConstraint(model_name="room", name="room_history_days_is_positive"),
        migrations.AddConstraint(
            model_name="room",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("slow_mode_s__lte", SLOW_MODE_MAX_S),
                    models.Q(
                        ("history_days__isnull", True),
                        ("history_days__range", (1, HISTORY_DAYS_MAX)),
                        _connector="OR",
                    ),
                ),
                name="room_times_are_bounded",
                violation_error_message=(
                    "Messages are kept for a day at least and a century at most, "
                    "and slow mode holds back for a year at most."
                ),
            ),
        ),
    ]
