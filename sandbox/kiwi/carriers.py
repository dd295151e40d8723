"""Airlines: who flies from where, and of which kind."""

from dataclasses import dataclass
from functools import cache

# code, name, country, kind (full or low cost), hubs in order of size
_TABLE = """
LH Lufthansa|DE|full|FRA MUC
EW Eurowings|DE|low|DUS CGN
DE Condor|DE|full|FRA
BA British Airways|GB|full|LHR LGW
VS Virgin Atlantic|GB|full|LHR
U2 easyJet|GB|low|LGW GVA MXP
FR Ryanair|IE|low|STN DUB BGY
EI Aer Lingus|IE|full|DUB
AF Air France|FR|full|CDG ORY
TO Transavia France|FR|low|ORY
KL KLM|NL|full|AMS
HV Transavia|NL|low|AMS
SN Brussels Airlines|BE|full|BRU
LX SWISS|CH|full|ZRH GVA
OS Austrian Airlines|AT|full|VIE
W6 Wizz Air|HU|low|BUD OTP
AZ ITA Airways|IT|full|FCO LIN
IB Iberia|ES|full|MAD
VY Vueling|ES|low|BCN
UX Air Europa|ES|full|MAD
TP TAP Air Portugal|PT|full|LIS
SK SAS|SE|full|ARN CPH OSL
DY Norwegian|NO|low|OSL
AY Finnair|FI|full|HEL
FI Icelandair|IS|full|KEF
LO LOT Polish Airlines|PL|full|WAW
OK Czech Airlines|CZ|full|PRG
RO TAROM|RO|full|OTP
A3 Aegean Airlines|GR|full|ATH
JU Air Serbia|RS|full|BEG
OU Croatia Airlines|HR|full|ZAG
BT airBaltic|LV|low|RIX
TK Turkish Airlines|TR|full|IST
PC Pegasus|TR|low|SAW
LY El Al|IL|full|TLV
MS EgyptAir|EG|full|CAI
AT Royal Air Maroc|MA|full|CMN
TU Tunisair|TN|full|TUN
ET Ethiopian Airlines|ET|full|ADD
KQ Kenya Airways|KE|full|NBO
SA South African Airways|ZA|full|JNB
FA FlySafair|ZA|low|JNB CPT
WB RwandAir|RW|full|KGL
HF Air Cote d'Ivoire|CI|full|ABJ
P4 Air Peace|NG|full|LOS
EK Emirates|AE|full|DXB
FZ flydubai|AE|low|DXB
EY Etihad Airways|AE|full|AUH
QR Qatar Airways|QA|full|DOH
SV Saudia|SA|full|JED RUH
XY flynas|SA|low|RUH
GF Gulf Air|BH|full|BAH
KU Kuwait Airways|KW|full|KWI
WY Oman Air|OM|full|MCT
RJ Royal Jordanian|JO|full|AMM
ME Middle East Airlines|LB|full|BEY
HY Uzbekistan Airways|UZ|full|TAS
KC Air Astana|KZ|full|ALA
J2 Azerbaijan Airlines|AZ|full|GYD
AI Air India|IN|full|DEL BOM
6E IndiGo|IN|low|DEL BOM BLR
UL SriLankan Airlines|LK|full|CMB
BG Biman Bangladesh|BD|full|DAC
PK Pakistan International|PK|full|KHI ISB
SQ Singapore Airlines|SG|full|SIN
TR Scoot|SG|low|SIN
MH Malaysia Airlines|MY|full|KUL
AK AirAsia|MY|low|KUL
TG Thai Airways|TH|full|BKK
FD Thai AirAsia|TH|low|DMK
VN Vietnam Airlines|VN|full|SGN HAN
VJ VietJet Air|VN|low|SGN
GA Garuda Indonesia|ID|full|CGK DPS
JT Lion Air|ID|low|CGK
PR Philippine Airlines|PH|full|MNL
5J Cebu Pacific|PH|low|MNL
CX Cathay Pacific|HK|full|HKG
UO HK Express|HK|low|HKG
CI China Airlines|TW|full|TPE
BR EVA Air|TW|full|TPE
CA Air China|CN|full|PEK
MU China Eastern|CN|full|PVG
CZ China Southern|CN|full|CAN
9C Spring Airlines|CN|low|PVG
KE Korean Air|KR|full|ICN
OZ Asiana Airlines|KR|full|ICN
7C Jeju Air|KR|low|ICN
JL Japan Airlines|JP|full|HND NRT
NH All Nippon Airways|JP|full|HND NRT
MM Peach|JP|low|KIX
QF Qantas|AU|full|SYD MEL
JQ Jetstar|AU|low|MEL SYD
VA Virgin Australia|AU|full|BNE
NZ Air New Zealand|NZ|full|AKL
FJ Fiji Airways|FJ|full|NAN
AA American Airlines|US|full|DFW CLT MIA
DL Delta Air Lines|US|full|ATL JFK DTW
UA United Airlines|US|full|ORD IAH EWR SFO
AS Alaska Airlines|US|full|SEA ANC
B6 JetBlue|US|low|JFK BOS
WN Southwest|US|low|DEN LAS
HA Hawaiian Airlines|US|full|HNL
AC Air Canada|CA|full|YYZ YUL YVR
WS WestJet|CA|low|YYC
AM Aeromexico|MX|full|MEX
Y4 Volaris|MX|low|MEX CUN
CM Copa Airlines|PA|full|PTY
AV Avianca|CO|full|BOG
LA LATAM Airlines|CL|full|SCL GRU LIM
G3 GOL|BR|low|GRU GIG
AD Azul|BR|low|VCP
AR Aerolineas Argentinas|AR|full|EZE
H2 Sky Airline|CL|low|SCL
CU Cubana|CU|full|HAV
BW Caribbean Airlines|TT|full|POS
SU Aeroflot|RU|full|SVO
S7 S7 Airlines|RU|low|DME
"""

# Who flies where no airline of either country does, and who is cheap there, by the first part of the time zone's name.
_REGIONAL = {
    "Europe": "LH AF BA U2 FR W6",
    "America": "AA UA AV CM B6",
    "Africa": "ET KQ AT FA",
    "Asia": "SQ CX QR AK 6E",
    "Indian": "ET EK 6E",
    "Australia": "QF NZ JQ",
    "Pacific": "FJ NZ QF JQ",
    "Atlantic": "TP FI U2",
    "Arctic": "SK DY",
    "Antarctica": "LA QF H2",
}


@dataclass(frozen=True, slots=True, eq=False)
class Carrier:
    code: str
    name: str
    country: str
    is_low_cost: bool
    hubs: tuple[str, ...]


@cache
def list_carriers() -> dict[str, Carrier]:
    found = {}
    for line in _TABLE.strip().splitlines():
        head, country, kind, hubs = line.split("|")
        code, name = head.split(" ", 1)
        found[code] = Carrier(code, name, country, kind == "low", tuple(hubs.split()))
    return found


@cache
def list_country_carriers(country: str) -> tuple[Carrier, ...]:
    return tuple(carrier for carrier in list_carriers().values() if carrier.country == country)


@cache
def list_hub_carriers(airport: str) -> tuple[Carrier, ...]:
    """Those that connect passengers there, the largest first."""
    return tuple(carrier for carrier in list_carriers().values() if airport in carrier.hubs and not carrier.is_low_cost)


@cache
def list_region_carriers(region: str) -> tuple[Carrier, ...]:
    return tuple(list_carriers()[code] for code in _REGIONAL.get(region, "ET QR TK").split())
