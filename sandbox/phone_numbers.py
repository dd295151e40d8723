"""Telephone numbers as Twilio sees them: the documented magic ones, what may send and receive, and Lookup."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

MAGIC_RECIPIENTS = {
    "+15005550001": (21211, "Invalid 'To' Phone Number: {to}"),
    "+15005550002": (21612, "Message cannot be sent with the current combination of 'To' ({to}) and 'From'"),
    "+15005550003": (
        21408,
        "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {to}",
    ),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number is not a valid mobile number: {to}"),
}
MAGIC_SENDERS = {
    "+15005550001": (21212, "Invalid From Number (caller ID): {sender}"),
    "+15005550007": (21606, "The 'From' phone number provided ({sender}) is not a valid message-capable number"),
    "+15005550008": (21611, "This 'From' number has exceeded the maximum number of queued messages"),
}
"""Code and message, by number (Twilio, Test Credentials)."""

MAX_TEXT_LENGTH = 1600
_SOONEST, _LATEST = timedelta(minutes=15), timedelta(days=35)
UNSUPPORTED_PARAMS = frozenset(
    "AddressRetention ApplicationSid Attempt ContentRetention ContentSid ContentVariables FallbackFrom ForceDelivery "
    "MaxPrice PersistentAction ProvideFeedback RiskCheck SendAsMms ShortenUrls SmartEncoded TrafficType "
    "ValidityPeriod".split()
)
"""Parameters of a message."""
UNSUPPORTED_LOOKUP_PARAMS = frozenset(
    "Fields FirstName LastName AddressLine1 AddressLine2 City State PostalCode AddressCountryCode NationalId "
    "DateOfBirth LastVerifiedDate VerificationSid PartnerSubId".split()
)
"""Parameters of Lookup: the fields that Twilio charges for, and what they need."""
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SENDER = re.compile(r"\+[1-9]\d{6,14}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWICE = frozenset("^{}\\[~]|€\f")

# ITU-T E.164: calling code and its (main) country.
_COUNTRIES = dict(
    part.split(":")
    for part in (
        "1:US 7:RU 20:EG 27:ZA 30:GR 31:NL 32:BE 33:FR 34:ES 36:HU 39:IT 40:RO 41:CH 43:AT 44:GB 45:DK 46:SE 47:NO "
        "48:PL 49:DE 51:PE 52:MX 53:CU 54:AR 55:BR 56:CL 57:CO 58:VE 60:MY 61:AU 62:ID 63:PH 64:NZ 65:SG 66:TH 81:JP "
        "82:KR 84:VN 86:CN 90:TR 91:IN 92:PK 93:AF 94:LK 95:MM 98:IR 211:SS 212:MA 213:DZ 216:TN 218:LY 220:GM 221:SN "
        "222:MR 223:ML 224:GN 225:CI 226:BF 227:NE 228:TG 229:BJ 230:MU 231:LR 232:SL 233:GH 234:NG 235:TD 236:CF "
        "237:CM 238:CV 239:ST 240:GQ 241:GA 242:CG 243:CD 244:AO 245:GW 248:SC 249:SD 250:RW 251:ET 252:SO 253:DJ "
        "254:KE 255:TZ 256:UG 257:BI 258:MZ 260:ZM 261:MG 262:RE 263:ZW 264:NA 265:MW 266:LS 267:BW 268:SZ 269:KM "
        "290:SH 291:ER 297:AW 298:FO 299:GL 350:GI 351:PT 352:LU 353:IE 354:IS 355:AL 356:MT 357:CY 358:FI 359:BG "
        "370:LT 371:LV 372:EE 373:MD 374:AM 375:BY 376:AD 377:MC 378:SM 380:UA 381:RS 382:ME 383:XK 385:HR 386:SI "
        "387:BA 389:MK 420:CZ 421:SK 423:LI 500:FK 501:BZ 502:GT 503:SV 504:HN 505:NI 506:CR 507:PA 508:PM 509:HT "
        "590:GP 591:BO 592:GY 593:EC 594:GF 595:PY 596:MQ 597:SR 598:UY 599:CW 670:TL 672:NF 673:BN 674:NR 675:PG "
        "676:TO 677:SB 678:VU 679:FJ 680:PW 681:WF 682:CK 683:NU 685:WS 686:KI 687:NC 688:TV 689:PF 690:TK 691:FM "
        "692:MH 850:KP 852:HK 853:MO 855:KH 856:LA 880:BD 886:TW 960:MV 961:LB 962:JO 963:SY 964:IQ 965:KW 966:SA "
        "967:YE 968:OM 970:PS 971:AE 972:IL 973:BH 974:QA 975:BT 976:MN 977:NP 992:TJ 993:TM 994:AZ 995:GE 996:KG "
        "998:UZ"
    ).split()
)


class TwilioApiError(Exception):
    """Ends a request with Twilio's error body."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def check_message(to: str, sender: str, service: str, body: str, *, has_media: bool) -> None:
    """A message that may be sent. Raises Refused with the documented code."""
    if not to:
        raise TwilioApiError(400, 21604, "A 'To' phone number is required.")
    if not sender and not service:
        raise TwilioApiError(400, 21603, "A 'From' phone number is required.")
    if not body and not has_media:
        raise TwilioApiError(400, 21602, "Message body is required.")
    if len(body) > MAX_TEXT_LENGTH:
        raise TwilioApiError(400, 21617, f"The concatenated message body exceeds the {MAX_TEXT_LENGTH} character limit")
    if service and not _SERVICE.fullmatch(service):
        raise TwilioApiError(400, 21701, "The Messaging Service does not exist")
    if sender:
        _check_sender(to, sender)
    _check_recipient(to)


def check_supported(given: Mapping[str, object], unplayed: frozenset[str] = UNSUPPORTED_PARAMS) -> None:
    """Refuses openly what Twilio can do and the sandbox does not play. Raises Refused."""
    for name in given:
        if name in unplayed:
            raise TwilioApiError(400, 20001, f"The sandbox does not play the parameter {name}")


def read_schedule(form: Mapping[str, object], now: datetime) -> datetime | None:
    """When a message is to be sent; None for at once. Raises Refused."""
    kind, text = str(form.get("ScheduleType", "")), str(form.get("SendAt", ""))
    if not kind and not text:
        return None
    if kind != "fixed":
        raise TwilioApiError(400, 35111, "ScheduleType must be 'fixed' for a message with SendAt")
    if not form.get("MessagingServiceSid"):
        raise TwilioApiError(400, 35118, "MessagingServiceSid is required to schedule a message")
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise TwilioApiError(400, 35114, "SendAt is not an ISO 8601 timestamp") from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if not now + _SOONEST <= at <= now + _LATEST:
        raise TwilioApiError(400, 35114, "SendAt must be from 15 minutes to 35 days in the future")
    return at


def _check_sender(to: str, sender: str) -> None:
    plain, on_whatsapp = sender.removeprefix("whatsapp:"), sender.startswith("whatsapp:")
    if plain in MAGIC_SENDERS:
        code, text = MAGIC_SENDERS[plain]
        raise TwilioApiError(400, code, text.format(sender=sender))
    if not (_E164 if on_whatsapp else _SENDER).fullmatch(plain):
        raise TwilioApiError(400, 21212, f"Invalid From Number (caller ID): {sender}")
    if on_whatsapp != to.startswith("whatsapp:"):
        text = "Invalid From and To pair. From and To should be of the same channel"
        raise TwilioApiError(400, 21910, text)


def _check_recipient(to: str) -> None:
    plain = to.removeprefix("whatsapp:")
    if plain in MAGIC_RECIPIENTS:
        code, text = MAGIC_RECIPIENTS[plain]
        raise TwilioApiError(400, code, text.format(to=to))
    if not _E164.fullmatch(plain):
        raise TwilioApiError(400, 21211, f"Invalid 'To' Phone Number: {to}")


def count_segments(body: str) -> int:
    """How many SMS the text is sent as: GSM 03.38 in 160 (153 joined), anything else UCS-2 in 70 (67 joined)."""
    if all(one in _GSM or one in _GSM_TWICE for one in body):
        size, single, joined = sum(2 if one in _GSM_TWICE else 1 for one in body), 160, 153
    else:
        size, single, joined = len(body.encode("utf-16-le")) // 2, 70, 67
    return 1 if size <= single else -(-size // joined)


def look_up_number(number: str, country: str | None) -> dict[str, Any]:
    """What Lookup v2 says without paid fields. Only North American numbers are written the national way."""
    number = _international(number, country)
    code = next((number[1:end] for end in (2, 3, 4) if number[1:end] in _COUNTRIES), None)
    problem = _problem(number, code)
    rest = number[1 + len(code or "") :]
    national = f"({rest[:3]}) {rest[3:6]}-{rest[6:]}" if code == "1" else rest
    paid = (
        "caller_name sim_swap call_forwarding line_status line_type_intelligence identity_match reassigned_number "
        "sms_pumping_risk phone_number_quality_score pre_fill"
    )
    return {
        "calling_country_code": None if problem else code,
        "country_code": _COUNTRIES[code] if code and not problem else None,
        "phone_number": number,
        "national_format": None if problem else national,
        "valid": problem is None,
        "validation_errors": [problem] if problem else [],
        **dict.fromkeys(paid.split()),
        "url": f"https://lookups.twilio.com/v2/PhoneNumbers/{number}",
    }


def _international(number: str, country: str | None) -> str:
    """A number without + is a national one, of the United States unless told otherwise."""
    number = re.sub(r"[\s().-]", "", number)
    if number.startswith("+"):
        return number
    code = next((one for one, name in _COUNTRIES.items() if name == (country or "US").upper()), "1")
    return f"+{code}{number.lstrip('0')}"


def _problem(number: str, code: str | None) -> str | None:
    if not re.fullmatch(r"\+\d+", number, re.ASCII):
        return "NOT_A_NUMBER"
    if code is None:
        return "INVALID_COUNTRY_CODE"
    least, most = (12, 12) if code == "1" else (8, 16)
    if len(number) != min(max(len(number), least), most):
        return "TOO_SHORT" if len(number) < least else "TOO_LONG"
    return "INVALID_BUT_POSSIBLE" if number in {"+15005550000", "+15005550001"} else None
