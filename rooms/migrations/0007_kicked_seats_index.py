"""An index of kicked seats alone: each re-check of a crowd asks whether there are any."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the index."""

    dependencies = [("rooms", "0006_changes_are_added")]

    operations = [
        migrations.AddIndex(
            model_name="seat",
            index=models.Index(
                condition=models.Q(("kicked_at__isnull", False)),
                fields=["room"],
                name="seat_kicked",
            ),
        ),
    ]
