"""The desk's tables, which Django reads and writes, and does not make."""

from django.db import models


class User(models.Model):
    email = models.CharField(max_length=255)
    full_name = models.CharField(max_length=255)

    class Meta:
        managed = False
        db_table = "users"

    def __str__(self) -> str:
        return self.full_name


class Tag(models.Model):
    name = models.CharField(max_length=100)

    class Meta:
        managed = False
        db_table = "tags"
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Ticket(models.Model):
    class Status(models.TextChoices):
        OPEN = "open"
        IN_PROGRESS = "in_progress"
        WAITING_ON_CUSTOMER = "waiting_on_customer"
        RESOLVED = "resolved"
        CLOSED = "closed"

    class Priority(models.TextChoices):
        LOW = "low"
        MEDIUM = "medium"
        HIGH = "high"
        URGENT = "urgent"

    ticket_number = models.CharField(max_length=50, editable=False)
    title = models.CharField(max_length=500)
    description = models.TextField()
    status = models.CharField(max_length=20, choices=Status)
    priority = models.CharField(max_length=20, choices=Priority)
    creator = models.ForeignKey(User, models.PROTECT, related_name="+")
    assignee = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True)
    tags = models.ManyToManyField(Tag, db_table="ticket_tags", blank=True)
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        managed = False
        db_table = "tickets"
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return f"{self.ticket_number} {self.title}"
