"""What the reference pages of Microsoft Graph say of its resources and its types don't: tables that graph_shapes builds from."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ATTACHMENTS = ("#microsoft.graph.fileAttachment", "#microsoft.graph.itemAttachment")
EVENT_MESSAGES = ("EventMessage", "EventMessageRequest", "EventMessageResponse")
EXTENDED = _words("singleValueExtendedProperties multiValueExtendedProperties")

# Set by the server, although the comments on the types don't call them read-only.
BY_THE_SERVER = {
    "Event": _words("""
        createdDateTime lastModifiedDateTime bodyPreview hasAttachments isCancelled isDraft isOrganizer organizer originalStart
        originalStartTimeZone originalEndTimeZone responseStatus seriesMasterId occurrenceId webLink cancelledOccurrences
        exceptionOccurrences"""),
    "Calendar": _words("""
        canEdit canShare canViewPrivateItems isRemovable isTallyingResponses owner allowedOnlineMeetingProviders calendarPermissions"""),
    "Message": _words("""
        createdDateTime lastModifiedDateTime bodyPreview hasAttachments receivedDateTime sentDateTime isDraft conversationId
        conversationIndex parentFolderId uniqueBody webLink"""),
    "MailFolder": _words("childFolderCount parentFolderId totalItemCount unreadItemCount"),
}

# Called read-only there, but taken at the creation.
CREATABLE = {
    "Event": EXTENDED | {"attachments"},
    "Message": EXTENDED | {"attachments", "internetMessageHeaders"},
    "Calendar": EXTENDED,
    "MailFolder": EXTENDED,
}
NEEDED = {"Event": ["start", "end"], "Calendar": ["name"], "Message": [], "MailFolder": ["displayName"]}

# The tables "Request body" of event-update, calendar-update and message-update; extended properties have pages of their own.
UPDATABLE = {
    "Event": EXTENDED
    | _words("""
        attendees body categories end hideAttendees importance isAllDay isOnlineMeeting isReminderOn location locations
        onlineMeetingProvider recurrence reminderMinutesBeforeStart responseRequested sensitivity showAs start subject"""),
    "Calendar": EXTENDED | _words("name color isDefaultCalendar"),
    "Message": EXTENDED
    | _words("""
        bccRecipients body categories ccRecipients flag from importance inferenceClassification internetMessageId
        isDeliveryReceiptRequested isRead isReadReceiptRequested replyTo sender subject toRecipients"""),
}

# What the examples show in every answer that $select doesn't thin out.
ALWAYS = {
    "Event": _words("""
        @odata.etag id changeKey iCalUId createdDateTime lastModifiedDateTime type subject body start end isAllDay isCancelled isOrganizer
        organizer attendees responseStatus recurrence seriesMasterId location showAs webLink"""),
    "Calendar": _words("id name changeKey canEdit owner"),
    "Message": _words("""
        @odata.etag id changeKey receivedDateTime sentDateTime internetMessageId subject body from sender toRecipients parentFolderId
        isRead isDraft conversationId"""),
    "MailFolder": _words("id displayName parentFolderId totalItemCount unreadItemCount"),
    "Attachment": _words("@odata.type id name contentType size isInline"),
    "ScheduleInformation": _words("scheduleId"),
    "User": _words("id displayName mail userPrincipalName"),
}
SELECTED = {
    "Event": _words("id"),
    "Calendar": _words("id"),
    "Message": _words("id"),
    "MailFolder": _words("id"),
    "Attachment": _words("id"),
    "User": _words(""),
}
CHANGED = {"Event": _words("id type start end"), "Message": _words("id")}
WITHOUT_ETAG = {"MailFolder", "User"}

# What a pattern and a range of recurrence need, by their type.
PATTERNS = {
    "daily": _words("interval"),
    "weekly": _words("interval daysOfWeek firstDayOfWeek"),
    "absoluteMonthly": _words("interval dayOfMonth"),
    "relativeMonthly": _words("interval daysOfWeek"),
    "absoluteYearly": _words("interval dayOfMonth month"),
    "relativeYearly": _words("interval daysOfWeek month"),
}
RANGES = {"endDate": _words("startDate endDate"), "noEnd": _words("startDate"), "numbered": _words("startDate numberOfOccurrences")}
