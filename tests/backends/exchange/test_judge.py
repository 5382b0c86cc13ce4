"""The judge of Exchange Web Services lets real messages pass and refuses wrong ones; the requests are as exchangelib 5.6 writes them."""

from __future__ import annotations

import pytest
from tests.fakes.judges import Illegal, ews

ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"'
    ' xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">'
    "<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
)
ASKING = (
    '<t:RequestServerVersion Version="Exchange2016"/>'
    "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>mentor@voorbeeld.example</t:PrimarySmtpAddress></t:ConnectingSID>"
    '</t:ExchangeImpersonation><t:TimeZoneContext><t:TimeZoneDefinition Id="W. Europe Standard Time"/></t:TimeZoneContext>'
)
ANSWERING = '<t:ServerVersionInfo MajorVersion="15" MinorVersion="1" MajorBuildNumber="2507" MinorBuildNumber="6" Version="V2017_07_11"/>'
CALENDAR = (
    '<t:DistinguishedFolderId Id="calendar"><t:Mailbox><t:EmailAddress>mentor@voorbeeld.example</t:EmailAddress>'
    "<t:RoutingType>SMTP</t:RoutingType><t:MailboxType>Mailbox</t:MailboxType></t:Mailbox></t:DistinguishedFolderId>"
)
OUR_UID = '<t:ExtendedFieldURI PropertySetId="7b1d2b7e-5d0f-4f3e-9a55-6e1c5c1b9d10" PropertyName="beklijf-uid" PropertyType="String"/>'
MAILBOX = "<t:Mailbox><t:EmailAddress>sanne@voorbeeld.example</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType></t:Mailbox>"
WEEKLY = (
    "<t:Recurrence><t:WeeklyRecurrence><t:Interval>2</t:Interval><t:DaysOfWeek>Tuesday</t:DaysOfWeek>"
    "<t:FirstDayOfWeek>Monday</t:FirstDayOfWeek></t:WeeklyRecurrence>"
    "<t:EndDateRecurrence><t:StartDate>2027-03-02</t:StartDate><t:EndDate>2027-06-01</t:EndDate></t:EndDateRecurrence></t:Recurrence>"
)

CREATE = ENVELOPE.format(
    header=ASKING,
    body='<m:CreateItem MessageDisposition="SaveOnly" SendMeetingInvitations="SendToAllAndSaveCopy">'
    f"<m:SavedItemFolderId>{CALENDAR}</m:SavedItemFolderId><m:Items><t:CalendarItem><t:Subject>Mentorgesprek</t:Subject>"
    '<t:Sensitivity>Normal</t:Sensitivity><t:Body BodyType="HTML">&lt;p&gt;Agenda&lt;/p&gt;</t:Body><t:Importance>Normal</t:Importance>'
    "<t:ReminderIsSet>1</t:ReminderIsSet><t:ReminderMinutesBeforeStart>0</t:ReminderMinutesBeforeStart>"
    f"<t:ExtendedProperty>{OUR_UID}<t:Value>abc</t:Value></t:ExtendedProperty><t:UID>abc@beklijf</t:UID>"
    "<t:Start>2027-03-02T10:00:00+01:00</t:Start><t:End>2027-03-02T11:00:00+01:00</t:End><t:IsAllDayEvent>0</t:IsAllDayEvent>"
    "<t:LegacyFreeBusyStatus>Busy</t:LegacyFreeBusyStatus><t:Location>Kamer 3</t:Location>"
    f"<t:RequiredAttendees><t:Attendee>{MAILBOX}<t:ResponseType>Unknown</t:ResponseType></t:Attendee></t:RequiredAttendees>{WEEKLY}"
    '<t:StartTimeZone Id="W. Europe Standard Time"/><t:EndTimeZone Id="W. Europe Standard Time"/>'
    "</t:CalendarItem></m:Items></m:CreateItem>",
)
UPDATE = ENVELOPE.format(
    header=ASKING,
    body='<m:UpdateItem ConflictResolution="NeverOverwrite" MessageDisposition="SaveOnly"'
    ' SendMeetingInvitationsOrCancellations="SendToChangedAndSaveCopy" SuppressReadReceipts="true"><m:ItemChanges><t:ItemChange>'
    '<t:OccurrenceItemId RecurringMasterId="AAA" InstanceIndex="2"/><t:Updates>'
    '<t:SetItemField><t:FieldURI FieldURI="calendar:Start"/><t:CalendarItem><t:Start>2027-03-16T10:00:00+01:00</t:Start></t:CalendarItem>'
    '</t:SetItemField><t:DeleteItemField><t:FieldURI FieldURI="calendar:Location"/></t:DeleteItemField>'
    "</t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>",
)
SYNC = ENVELOPE.format(
    header=ASKING,
    body=f"<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>{OUR_UID}</t:AdditionalProperties>"
    f"</m:ItemShape><m:SyncFolderId>{CALENDAR}</m:SyncFolderId><m:SyncState>H4sI</m:SyncState>"
    "<m:MaxChangesReturned>100</m:MaxChangesReturned></m:SyncFolderItems>",
)
FREE = ENVELOPE.format(
    header='<t:RequestServerVersion Version="Exchange2013_SP1"/>',
    body="<m:GetUserAvailabilityRequest><t:TimeZone><t:Bias>-60</t:Bias><t:StandardTime><t:Bias>0</t:Bias><t:Time>03:00:00</t:Time>"
    "<t:DayOrder>5</t:DayOrder><t:Month>10</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek></t:StandardTime><t:DaylightTime><t:Bias>-60</t:Bias>"
    "<t:Time>02:00:00</t:Time><t:DayOrder>5</t:DayOrder><t:Month>3</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek></t:DaylightTime></t:TimeZone>"
    "<m:MailboxDataArray><t:MailboxData><t:Email><t:Address>sanne@voorbeeld.example</t:Address></t:Email>"
    "<t:AttendeeType>Required</t:AttendeeType><t:ExcludeConflicts>0</t:ExcludeConflicts></t:MailboxData></m:MailboxDataArray>"
    "<t:FreeBusyViewOptions><t:TimeWindow><t:StartTime>2027-03-02T00:00:00+01:00</t:StartTime>"
    "<t:EndTime>2027-03-09T00:00:00+01:00</t:EndTime></t:TimeWindow><t:MergedFreeBusyIntervalInMinutes>30"
    "</t:MergedFreeBusyIntervalInMinutes><t:RequestedView>DetailedMerged</t:RequestedView></t:FreeBusyViewOptions>"
    "</m:GetUserAvailabilityRequest>",
)
CREATED = ENVELOPE.format(
    header=ANSWERING,
    body='<m:CreateItemResponse><m:ResponseMessages><m:CreateItemResponseMessage ResponseClass="Success">'
    "<m:ResponseCode>NoError</m:ResponseCode>"
    '<m:Items><t:CalendarItem><t:ItemId Id="AAA" ChangeKey="BBB"/></t:CalendarItem></m:Items>'
    "</m:CreateItemResponseMessage></m:ResponseMessages></m:CreateItemResponse>",
)
REFUSED = ENVELOPE.format(
    header=ANSWERING,
    body='<m:UpdateItemResponse><m:ResponseMessages><m:UpdateItemResponseMessage ResponseClass="Error">'
    "<m:MessageText>The change key is out of date.</m:MessageText><m:ResponseCode>ErrorIrresolvableConflict</m:ResponseCode>"
    "<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey><m:Items/></m:UpdateItemResponseMessage></m:ResponseMessages></m:UpdateItemResponse>",
)
SYNCED = ENVELOPE.format(
    header=ANSWERING,
    body='<m:SyncFolderItemsResponse><m:ResponseMessages><m:SyncFolderItemsResponseMessage ResponseClass="Success">'
    "<m:ResponseCode>NoError</m:ResponseCode><m:SyncState>H4sJ</m:SyncState><m:IncludesLastItemInRange>true</m:IncludesLastItemInRange>"
    '<m:Changes><t:Create><t:CalendarItem><t:ItemId Id="AAA" ChangeKey="BBB"/></t:CalendarItem></t:Create>'
    '<t:Delete><t:ItemId Id="CCC" ChangeKey="DDD"/></t:Delete></m:Changes>'
    "</m:SyncFolderItemsResponseMessage></m:ResponseMessages></m:SyncFolderItemsResponse>",
)
GOTTEN = ENVELOPE.format(
    header=ANSWERING,
    body='<m:GetItemResponse><m:ResponseMessages><m:GetItemResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>'
    '<m:Items><t:CalendarItem><t:ItemId Id="AAA" ChangeKey="BBB"/><t:Subject>Mentorgesprek</t:Subject>'
    f"<t:ExtendedProperty>{OUR_UID}<t:Value>abc</t:Value></t:ExtendedProperty>"
    "<t:UID>abc@beklijf</t:UID><t:Start>2027-03-02T09:00:00Z</t:Start><t:End>2027-03-02T10:00:00Z</t:End>"
    "<t:IsCancelled>false</t:IsCancelled><t:CalendarItemType>RecurringMaster</t:CalendarItemType>"
    f"<t:RequiredAttendees><t:Attendee>{MAILBOX}<t:ResponseType>Tentative</t:ResponseType>"
    "<t:LastResponseTime>2027-02-20T09:00:00Z</t:LastResponseTime><t:ProposedStart>2027-03-02T13:00:00Z</t:ProposedStart>"
    f"<t:ProposedEnd>2027-03-02T14:00:00Z</t:ProposedEnd></t:Attendee></t:RequiredAttendees>{WEEKLY}"
    '<t:ModifiedOccurrences><t:Occurrence><t:ItemId Id="EEE"/><t:Start>2027-03-17T09:00:00Z</t:Start><t:End>2027-03-17T10:00:00Z</t:End>'
    "<t:OriginalStart>2027-03-16T09:00:00Z</t:OriginalStart></t:Occurrence></t:ModifiedOccurrences>"
    "</t:CalendarItem></m:Items></m:GetItemResponseMessage></m:ResponseMessages></m:GetItemResponse>",
)
FREED = ENVELOPE.format(
    header=ANSWERING,
    body="<m:GetUserAvailabilityResponse><m:FreeBusyResponseArray><m:FreeBusyResponse>"
    '<m:ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode></m:ResponseMessage>'
    "<m:FreeBusyView><t:FreeBusyViewType>Detailed</t:FreeBusyViewType><t:CalendarEventArray><t:CalendarEvent>"
    "<t:StartTime>2027-03-02T10:00:00</t:StartTime><t:EndTime>2027-03-02T11:00:00</t:EndTime><t:BusyType>Busy</t:BusyType>"
    "</t:CalendarEvent></t:CalendarEventArray></m:FreeBusyView></m:FreeBusyResponse></m:FreeBusyResponseArray>"
    "</m:GetUserAvailabilityResponse>",
)
FAULT = ENVELOPE.format(
    header="",
    body='<s:Fault><faultcode xmlns:a="http://schemas.microsoft.com/exchange/services/2006/types">a:ErrorServerBusy</faultcode>'
    "<faultstring>The server cannot service this request right now.</faultstring><detail>"
    '<e:ResponseCode xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">ErrorServerBusy</e:ResponseCode>'
    '<e:Message xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">Try again later.</e:Message>'
    '<t:MessageXml><t:Value Name="BackOffMilliseconds">297749</t:Value></t:MessageXml></detail></s:Fault>',
)
RIGHT = {
    "create": CREATE,
    "update": UPDATE,
    "sync": SYNC,
    "free": FREE,
    "created": CREATED,
    "refused": REFUSED,
    "synced": SYNCED,
    "gotten": GOTTEN,
    "freed": FREED,
    "fault": FAULT,
}


@pytest.mark.parametrize("name", RIGHT)
def test_messages_as_exchange_and_exchangelib_write_them_pass(name: str) -> None:
    ews.judge(RIGHT[name].encode())


@pytest.mark.parametrize(
    ("message", "old", "new"),
    [
        pytest.param("create", "<t:UID>abc@beklijf</t:UID>", "<t:Uid>abc@beklijf</t:Uid>", id="unknown-element"),
        pytest.param("create", "<t:LegacyFreeBusyStatus>Busy<", "<t:LegacyFreeBusyStatus>busy<", id="wrong-enumeration"),
        pytest.param("create", "2027-03-02T10:00:00+01:00", "2027-03-02 10:00", id="wrong-form-of-a-time"),
        pytest.param("create", "<t:EndDate>2027-06-01</t:EndDate>", "<t:EndDate>1 June</t:EndDate>", id="wrong-form-of-a-date"),
        pytest.param("create", "<t:Interval>2</t:Interval>", "", id="missing-element"),
        pytest.param("create", "<t:DaysOfWeek>Tuesday", "<t:DaysOfWeek>Dinsdag", id="unknown-weekday"),
        pytest.param("create", '"SendToAllAndSaveCopy"', '"SendToEverybody"', id="unknown-way-of-inviting"),
        pytest.param("create", ' PropertyName="beklijf-uid"', ' Name="beklijf-uid"', id="unknown-attribute"),
        pytest.param("create", "<t:PrimarySmtpAddress>", "<t:Address>", id="not-even-xml"),
        pytest.param("create", "PrimarySmtpAddress>", "MailAddress>", id="unknown-element-in-the-header"),
        pytest.param("create", "Exchange2016", "Exchange2099", id="unknown-version"),
        pytest.param("create", "m:CreateItem", "m:CreateThing", id="unknown-operation"),
        pytest.param("create", "schemas.xmlsoap.org/soap/envelope/", "www.w3.org/2003/05/soap-envelope", id="soap-1.2"),
        pytest.param("create", "</m:CreateItem>", '</m:CreateItem><m:GetServerTimeZones ReturnFullTimeZoneData="true"/>', id="two-at-once"),
        pytest.param("update", "calendar:Start", "calendar:Begin", id="unknown-field"),
        pytest.param("update", ' InstanceIndex="2"', "", id="missing-attribute"),
        pytest.param("update", "<t:Start>2027-03-16T10:00:00+01:00</t:Start>", "<t:Begin>now</t:Begin>", id="unknown-in-a-change"),
        pytest.param("sync", "<m:MaxChangesReturned>100<", "<m:MaxChangesReturned>all<", id="not-a-number"),
        pytest.param("sync", "<m:MaxChangesReturned>100<", "<m:MaxChangesReturned>513<", id="number-too-big"),
        pytest.param("free", "<t:AttendeeType>Required<", "<t:AttendeeType>required<", id="enumeration-in-small-letters"),
        pytest.param("created", "<m:ResponseCode>NoError<", "<m:ResponseCode>OK<", id="unknown-response-code"),
        pytest.param("created", ' ResponseClass="Success"', "", id="response-without-a-class"),
        pytest.param("synced", "<t:Create>", "<t:Created>", id="tags-that-do-not-match"),
        pytest.param("synced", "true</m:IncludesLastItemInRange>", "yes</m:IncludesLastItemInRange>", id="not-a-boolean"),
        pytest.param("gotten", "<t:ResponseType>Tentative<", "<t:ResponseType>Maybe<", id="unknown-answer-of-an-attendee"),
        pytest.param("freed", "<t:BusyType>Busy<", "<t:BusyType>Blocked<", id="unknown-kind-of-busy"),
        pytest.param("fault", ">ErrorServerBusy</e:", ">ErrorTooBusy</e:", id="fault-with-an-unknown-code"),
        pytest.param("fault", "<faultstring>", "<reason>no</reason><faultstring>", id="fault-of-another-shape"),
    ],
)
def test_a_wrong_message_is_refused(message: str, old: str, new: str) -> None:
    assert old in RIGHT[message]
    with pytest.raises(Illegal):
        ews.judge(RIGHT[message].replace(old, new).encode())


def test_elements_in_another_order_are_refused() -> None:
    start, end = "<t:Start>2027-03-02T10:00:00+01:00</t:Start>", "<t:End>2027-03-02T11:00:00+01:00</t:End>"
    assert start + end in CREATE

    with pytest.raises(Illegal, match="Start': This element is not expected"):
        ews.judge(CREATE.replace(start + end, end + start).encode())


def test_a_message_without_a_body_is_refused() -> None:
    with pytest.raises(Illegal, match="Body"):
        ews.judge(ENVELOPE.format(header="", body="").encode())


def test_a_type_of_the_schema_is_no_message() -> None:
    with pytest.raises(Illegal, match="no message"):
        ews.judge(ENVELOPE.format(header="", body='<t:RequestServerVersion Version="Exchange2013"/>').encode())


def test_a_refusal_says_where_and_what() -> None:
    with pytest.raises(Illegal, match=r"CreateItem at /.*/m:Items/t:CalendarItem/t:LegacyFreeBusyStatus.*'busy'"):
        ews.judge(CREATE.replace("<t:LegacyFreeBusyStatus>Busy<", "<t:LegacyFreeBusyStatus>busy<").encode())
