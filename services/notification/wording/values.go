package wording

import (
	"encoding/json"
	"strconv"
	"strings"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"

	"aftercare.dev/services/notification/domain"
	"aftercare.dev/services/platform/money"
)

// values is what a template may use. What an event does not have is empty.
type values struct {
	CaseID         string
	OrderID        string
	Amount         string
	TrackingNumber string
	EndpointID     string
	Host           string
	Reason         string

	// Only for the frame of an e-mail.
	Title, Body, Name string
}

// valuesOf reads the event's data; a member of another form than expected counts as absent, because a
// message without an amount is better than no message.
func valuesOf(e domain.Event, tag language.Tag) values {
	var data map[string]json.RawMessage
	_ = json.Unmarshal(e.Data, &data)
	return values{
		CaseID:         e.CaseID,
		OrderID:        e.OrderID,
		Amount:         amountOf(data, tag, "amount", "refund", "payout", "total"),
		TrackingNumber: textOf(data, "tracking_number"),
		EndpointID:     textOf(data, "endpoint_id"),
		Host:           textOf(data, "host"),
		Reason:         textOf(data, "reason"),
	}
}

func textOf(data map[string]json.RawMessage, key string) string {
	var text string
	_ = json.Unmarshal(data[key], &text)
	return oneLine(text)
}

// amountOf returns the first of the members that is an amount.
func amountOf(data map[string]json.RawMessage, tag language.Tag, keys ...string) string {
	for _, key := range keys {
		var amount money.Money
		if raw, ok := data[key]; ok && json.Unmarshal(raw, &amount) == nil {
			return price(amount, tag)
		}
	}
	return ""
}

// price writes an amount with the decimals of its currency: ¥19.99 or CNY 19.99.
func price(m money.Money, tag language.Tag) string {
	decimals := 2
	if unit, err := currency.ParseISO(m.Currency); err == nil {
		decimals, _ = currency.Standard.Rounding(unit)
	}
	minor, sign := m.Amount, ""
	if minor < 0 {
		minor, sign = -minor, "-"
	}
	digits := strconv.FormatInt(minor, 10)
	if missing := decimals + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	if decimals > 0 {
		digits = digits[:len(digits)-decimals] + "." + digits[len(digits)-decimals:]
	}
	if m.Currency == "CNY" && tag != language.English {
		return sign + "¥" + digits
	}
	return m.Currency + " " + sign + digits
}
