package wording

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"golang.org/x/text/currency"

	"aftercare.dev/services/platform/money"
)

// Amount writes money as people do: ¥19.99 in Chinese, CNY 19.99 elsewhere, with the decimals of its
// currency.
func (v *Voice) Amount(m money.Money) string {
	number := decimal(m)
	if v.chinese && m.Currency == "CNY" {
		return "¥" + number
	}
	return m.Currency + " " + number
}

// decimal never passes through a float, so that every minor unit shows.
func decimal(m money.Money) string {
	digits := 2
	if unit, err := currency.ParseISO(m.Currency); err == nil {
		digits, _ = currency.Standard.Rounding(unit)
	}
	sign, amount := "", m.Amount
	if amount < 0 {
		sign, amount = "-", -amount
	}
	if digits == 0 {
		return sign + strconv.FormatInt(amount, 10)
	}
	scale := int64(math.Pow10(digits))
	return fmt.Sprintf("%s%d.%0*d", sign, amount/scale, digits, amount%scale)
}

// amountOf recognises an amount in an entry's data, which was decoded from JSON.
func (v *Voice) amountOf(value any) (string, bool) {
	fields, is := value.(map[string]any)
	if !is || len(fields) != 2 || fields["amount"] == nil || fields["currency"] == nil {
		return "", false
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return "", false
	}
	var m money.Money
	if err := json.Unmarshal(data, &m); err != nil {
		return "", false
	}
	return v.Amount(m), true
}
