"""A site of somebody else's, in which the rooms have a place of their own."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("admin/", admin.site.urls), path("talk/", include("rooms.urls"))]
