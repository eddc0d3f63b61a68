"""The registry: which namespaces and rooms there are, and what each asks for."""

from __future__ import annotations

import secrets

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from realtime.namespaces.names import DOT_NAMES
from rooms.names import ROOM_NAME_MAX, ROOM_NAME_PATTERN, clean_room_name
from rooms.policy_values import Access, Laws, NamespaceLaws, NamespacePolicy, Policy
from rooms.site_paths import words_in_use

# A century and a year: what goes on for longer leads beyond the calendar, and means no limit.
HISTORY_DAYS_MAX = 36_500
SLOW_MODE_MAX_S = 366 * 86_400
# Two keys of any user model's.
PAIR_MAX = 100
NAMESPACE_PATH_PATTERN = r"\A/([a-z0-9][a-z0-9_-]{0,49})?\Z"
# What a site of ours answers beside its namespaces. Namespace.clean() also asks the URLconf.
RESERVED_PATHS = (
    "/accounts",
    "/admin",
    "/console",
    "/healthz",
    "/media",
    "/metrics",
    "/readyz",
    "/static",
    "/ws",
)


class NamespaceAccess(models.TextChoices):
    """How a namespace admits people."""

    OPEN = Access.OPEN.value, _("Open to everyone")
    LOGIN = Access.LOGIN.value, _("Signed-in users")
    GROUPS = Access.GROUPS.value, _("Members of its groups")


class RoomAccess(models.TextChoices):
    """How a room admits people."""

    OPEN = Access.OPEN.value, _("Open to everyone")
    LOGIN = Access.LOGIN.value, _("Signed-in users")
    PASSWORD = Access.PASSWORD.value, _("Password")
    INVITATION = Access.INVITATION.value, _("Invitation")
    MEMBERS = Access.MEMBERS.value, _("Its members")
    GROUPS = Access.GROUPS.value, _("Members of its groups")


def new_epoch() -> str:
    """Make the opaque text by which a client tells a room from one made again under its name."""
    return secrets.token_urlsafe(9)


def validate_room_name(value: str) -> None:
    """Refuse what ``clean_room_name`` refuses, and a name that it would have to trim."""
    try:
        name = clean_room_name(value)
    except ValueError as error:
        raise ValidationError(str(error), code="room_name") from None
    if name != value:
        raise ValidationError(
            _("A room's name may not begin or end with white space."), code="room_name"
        )


class Namespace(models.Model):
    """One route of the site and the rules that hold in all of its rooms."""

    path = models.CharField(
        _("path"),
        max_length=51,
        unique=True,
        error_messages={"unique": _("There is a namespace with this path already.")},
        validators=[
            RegexValidator(
                NAMESPACE_PATH_PATTERN,
                _(
                    "A path is “/” and one word of small letters, digits, “-” and “_”, "
                    "such as /games."
                ),
            )
        ],
        help_text=_("Where it answers, such as /games. “/” is the site's first namespace."),
    )
    title = models.CharField(
        _("title"), max_length=100, blank=True, help_text=_("What people read instead of the path.")
    )
    welcome = models.TextField(
        _("welcome"),
        max_length=1_000,
        blank=True,
        help_text=_("Everyone hears this when they connect."),
    )
    access = models.CharField(
        _("access"),
        max_length=10,
        choices=NamespaceAccess,
        default=NamespaceAccess.OPEN,
        help_text=_("Who may connect at all. Each room asks its own question after this one."),
    )
    groups = models.ManyToManyField(
        Group,
        verbose_name=_("groups"),
        blank=True,
        related_name="+",
        help_text=_("Counts where access is by groups: members of any of these may connect."),
    )
    is_open = models.BooleanField(
        _("open"), default=True, help_text=_("Off: nobody may connect, whoever they are.")
    )
    allow_private = models.BooleanField(
        _("private messages"),
        default=True,
        help_text=_("Whether signed-in people may write to each other here."),
    )

    class Meta:
        verbose_name = _("namespace")
        verbose_name_plural = _("namespaces")
        ordering = ("path",)
        constraints = (
            models.CheckConstraint(
                name="namespace_path_is_one_word",
                condition=Q(path__regex=NAMESPACE_PATH_PATTERN),
                violation_error_message=_("A path is “/” and one word, such as /games."),
            ),
            models.CheckConstraint(
                name="namespace_path_is_not_reserved",
                condition=~Q(path__in=RESERVED_PATHS),
                violation_error_message=_("The site uses this path for something else."),
            ),
            models.CheckConstraint(
                name="namespace_access_is_known",
                condition=Q(access__in=NamespaceAccess.values),
                violation_error_message=_("There is no such kind of access to a namespace."),
            ),
        )

    def __str__(self) -> str:
        return self.path

    def clean(self) -> None:
        """Refuse a path that the site answers already, or always reserves."""
        super().clean()
        word = self.path.strip("/")
        if self.path in RESERVED_PATHS or word in words_in_use():
            raise ValidationError(
                {"path": _("The site uses “%(path)s” for something else.") % {"path": self.path}}
            )

    def as_policy(self, laws: NamespaceLaws) -> NamespacePolicy:
        """Give the value that ``decide`` takes; ``laws`` are what ``rooms.laws`` read of it."""
        return NamespacePolicy(
            path=self.path,
            is_open=self.is_open,
            access=self.access,
            group_ids=laws.group_ids,
            rules=laws.rules,
            site_bans=laws.site_bans,
            bans=laws.bans,
            site_mutes=laws.site_mutes,
            mutes=laws.mutes,
        )


class RoomManager(models.Manager["Room"]):
    """The rooms of the registry, without those that keep two users' private messages."""

    def get_queryset(self) -> models.QuerySet[Room]:
        """Leave private rooms out: nobody joins, lists or moderates them."""
        return super().get_queryset().filter(pair="")


class Room(models.Model):
    """One room of a namespace, what it asks of those who join, and what it keeps."""

    namespace = models.ForeignKey(
        Namespace,
        on_delete=models.CASCADE,
        related_name="rooms",
        # The unique pair of namespace and name begins with it and serves its look-ups.
        db_index=False,
        verbose_name=_("namespace"),
    )
    name = models.CharField(
        _("name"),
        max_length=ROOM_NAME_MAX,
        validators=[validate_room_name],
        help_text=_("Clients join by this name, exactly as it is written."),
    )
    title = models.CharField(
        _("title"), max_length=100, blank=True, help_text=_("What people read beside the name.")
    )
    access = models.CharField(
        _("access"),
        max_length=10,
        choices=RoomAccess,
        default=RoomAccess.OPEN,
        help_text=_("What a person needs who is neither a member nor a moderator of the room."),
    )
    password = models.CharField(_("password"), max_length=255, blank=True, editable=False)
    password_version = models.CharField(max_length=24, blank=True, editable=False)
    groups = models.ManyToManyField(
        Group,
        verbose_name=_("groups"),
        blank=True,
        related_name="+",
        help_text=_("Counts where access is by groups: members of any of these may join."),
    )
    capacity = models.PositiveIntegerField(
        _("capacity"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("The most persons at once, however many tabs each has. Empty: no limit."),
    )
    is_listed = models.BooleanField(
        _("listed"),
        default=True,
        help_text=_("Off: to all but its members and moderators it looks as if it were not there."),
    )
    is_open = models.BooleanField(
        _("open"), default=True, help_text=_("Off: nobody may join, whoever they are.")
    )
    opens_at = models.DateTimeField(
        _("opens at"), null=True, blank=True, help_text=_("Closed before this. Empty: no limit.")
    )
    closes_at = models.DateTimeField(
        _("closes at"), null=True, blank=True, help_text=_("Closed from then on. Empty: no limit.")
    )
    is_read_only = models.BooleanField(
        _("read-only"), default=False, help_text=_("On: only moderators may write.")
    )
    slow_mode_s = models.PositiveIntegerField(
        _("slow mode (seconds)"),
        default=0,
        validators=[MaxValueValidator(SLOW_MODE_MAX_S)],
        help_text=_("The least time between two messages of one person. 0: no limit."),
    )
    history_size = models.PositiveIntegerField(
        _("messages kept"),
        default=10_000,
        help_text=_("How many of the latest messages are kept. 0: messages are not stored."),
    )
    history_days = models.PositiveIntegerField(
        _("days kept"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(HISTORY_DAYS_MAX)],
        help_text=_("Messages older than this are dropped. Empty: of any age."),
    )
    last_offset = models.PositiveBigIntegerField(_("last offset"), default=0, editable=False)
    epoch = models.CharField(max_length=24, default=new_epoch, editable=False)
    # The two users of a room of private messages, as ``users_pair`` writes them.
    pair = models.CharField(max_length=PAIR_MAX, blank=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = RoomManager()
    everywhere = models.Manager["Room"]()

    class Meta:
        verbose_name = _("room")
        verbose_name_plural = _("rooms")
        ordering = ("namespace", "name")
        permissions = (("moderate_room", _("Can moderate every room")),)
        constraints = (
            models.UniqueConstraint(
                fields=("namespace", "name"),
                name="room_name_unique_in_namespace",
                violation_error_message=_("This namespace has a room of this name already."),
            ),
            models.UniqueConstraint(
                fields=("namespace", "pair"),
                name="room_of_two_unique_in_namespace",
                condition=~Q(pair=""),
                violation_error_message=_("These two have a room already."),
            ),
            models.CheckConstraint(
                name="room_name_is_allowed",
                condition=Q(name__regex=ROOM_NAME_PATTERN) & ~Q(name__in=sorted(DOT_NAMES)),
                violation_error_message=_("A room may not have this name."),
            ),
            models.CheckConstraint(
                name="room_access_is_known",
                condition=Q(access__in=RoomAccess.values),
                violation_error_message=_("There is no such kind of access to a room."),
            ),
            models.CheckConstraint(
                name="room_access_password_needs_one",
                condition=~Q(access=RoomAccess.PASSWORD) | ~Q(password=""),
                violation_error_message=_("A room with access by password needs a password."),
            ),
            models.CheckConstraint(
                name="room_password_has_a_version",
                condition=Q(password="", password_version="")
                | (~Q(password="") & ~Q(password_version="")),
                violation_error_message=_("Set a room's password with set_password()."),
            ),
            models.CheckConstraint(
                name="room_capacity_is_positive",
                condition=Q(capacity__isnull=True) | Q(capacity__gte=1),
                violation_error_message=_("A room has place for one person at least."),
            ),
            models.CheckConstraint(
                name="room_opens_before_it_closes",
                condition=Q(opens_at__isnull=True)
                | Q(closes_at__isnull=True)
                | Q(opens_at__lt=F("closes_at")),
                violation_error_message=_("A room has to open before it closes."),
            ),
            models.CheckConstraint(
                # One for both: a form asks the database about each constraint.
                name="room_times_are_bounded",
                condition=Q(slow_mode_s__lte=SLOW_MODE_MAX_S)
                & (Q(history_days__isnull=True) | Q(history_days__range=(1, HISTORY_DAYS_MAX))),
                violation_error_message=_(
                    "Messages are kept for a day at least and a century at most, "
                    "and slow mode holds back for a year at most."
                ),
            ),
        )

    def __str__(self) -> str:
        return f"{self.namespace.path.rstrip('/')}/{self.name}"

    def set_password(self, raw_password: str | None) -> None:
        """Hash and take a new password, or none; grants of the one before stand no longer.

        Saves nothing. Hashing takes tens of milliseconds: never on an event loop.
        """
        if raw_password:
            self.password = make_password(raw_password)
            self.password_version = secrets.token_urlsafe(9)
        else:
            self.password = self.password_version = ""

    def check_password(self, raw_password: str) -> bool:
        """Say whether this is the password; always false where none is set.

        Takes as long as hashing does. An outdated hash is renewed in the row, unless somebody
        has changed the password meanwhile; grants go on.
        """
        checked = self.password

        def renew(raw: str) -> None:
            self.password = make_password(raw)
            Room.objects.filter(pk=self.pk, password=checked).update(password=self.password)

        return bool(checked) and check_password(raw_password, checked, setter=renew)

    def as_policy(self, namespace: NamespacePolicy, laws: Laws) -> Policy:
        """Give the value that ``decide`` takes; ``laws`` are what ``rooms.laws`` read of it."""
        return Policy(
            namespace=namespace,
            name=self.name,
            access=self.access,
            group_ids=laws.group_ids,
            password_version=self.password_version,
            capacity=self.capacity,
            is_listed=self.is_listed,
            is_open=self.is_open,
            opens_at=self.opens_at,
            closes_at=self.closes_at,
            is_read_only=self.is_read_only,
            slow_mode_s=self.slow_mode_s,
            rules=laws.rules,
            bans=laws.bans,
            mutes=laws.mutes,
        )
