"""Where the pages answer: under any prefix, always by the names of ``rooms:…``."""

from django.contrib.auth.views import LogoutView
from django.urls import path, re_path

from rooms import ticket_view, views

app_name = "rooms"

# A namespace's path without its slash, as the model has it.
NAMESPACE = r"(?P<word>[a-z0-9][a-z0-9_-]{0,49})"

urlpatterns = [
    path("", views.home, name="home"),
    path("accounts/login/", views.SignInView.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(next_page="rooms:home"), name="logout"),
    path("accounts/signup/", views.SignUpView.as_view(), name="signup"),
    path("accounts/ticket/", ticket_view.ticket, name="ticket"),
    re_path(rf"^{NAMESPACE}/$", views.namespace_page, name="namespace"),
    # The rest of the path is the room's name; "%2F" has become a slash by now.
    re_path(rf"^{NAMESPACE}/(?P<room>.+)/$", views.namespace_page, name="room"),
]
