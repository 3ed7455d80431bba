"""Where a number of the North American plan is at home: city, state, zip, country, as Twilio guesses them."""

AREAS = {
    "212": ("NEW YORK", "NY", "10001"),
    "305": ("MIAMI", "FL", "33101"),
    "312": ("CHICAGO", "IL", "60601"),
    "415": ("SAN FRANCISCO", "CA", "94105"),
    "512": ("AUSTIN", "TX", "78701"),
    "617": ("BOSTON", "MA", "02108"),
}


def place_params(role: str, number: str) -> dict[str, str]:
    """`role` is From, To, Caller or Called. What is not known is blank, as in real webhooks."""
    city, state, code = AREAS.get(number[2:5], ("", "", "")) if number.startswith("+1") else ("", "", "")
    country = "US" if number.startswith("+1") else ""
    return {f"{role}City": city, f"{role}State": state, f"{role}Zip": code, f"{role}Country": country}
