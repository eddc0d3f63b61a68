"""Changes are rows of their own: two who raise the same versions no longer wait for each other."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Sum


def keep_versions(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Let no version fall."""
    change = apps.get_model("rooms", "PolicyChange")
    rows = apps.get_model("rooms", "PolicyVersion").objects.values_list("key", "version")
    change.objects.bulk_create(change(key=key, count=version) for key, version in rows)


def sum_changes(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Go back to one counter for each key."""
    version = apps.get_model("rooms", "PolicyVersion")
    changes = apps.get_model("rooms", "PolicyChange").objects.order_by().values_list("key")
    sums = changes.annotate(total=Sum("count"))
    version.objects.bulk_create(version(key=key, version=total) for key, total in sums)


class Migration(migrations.Migration):
    dependencies = [
        ("rooms", "0005_dropped_counts"),
    ]

    operations = [
        migrations.CreateModel(
            name="PolicyChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(db_index=True, max_length=200, verbose_name="key")),
                ("count", models.PositiveBigIntegerField(default=1, verbose_name="changes")),
            ],
            options={
                "verbose_name": "policy change",
                "verbose_name_plural": "policy changes",
                "ordering": ("key", "id"),
            },
        ),
        migrations.RunPython(keep_versions, sum_changes),
        migrations.DeleteModel(
            name="PolicyVersion",
        ),
    ]
