package twin

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"

	"aftercare.dev/workflows/contract"
)

// Size is how many bytes a value has as JSON, or [Null].
type Size int

// Null is the size of a value that is nil.
const Null Size = -1

// texture is what values are cut from. Payloads travel compressed, so that it has to be about as hard to compress as the
// product's: names that come again, and ids that do not.
const texture = "case_id case_01M80Z307Q127D3Y5VPYJ79AQM merchant_id m_01M7W2K5T9XGQ4C8RD0N3HSZEV order_id o_01M80Z307K85MSRR2AA4G75JX1 " +
	"amount 39900 currency CNY state reserved payment_id p1 refund_number rf_01M80Z309K6NYA6DWRB9GYYSPP quantity 1 line_id jacket " +
	"updated_at 2026-11-22T06 28 54.155354Z carrier yuantong tracking_number RT307Q127D3Y5VPYJ79AQM direction to_warehouse method self_ship "

// text is a string of n bytes.
func text(n int) string {
	if n <= 0 {
		return ""
	}
	return strings.Repeat(texture, n/len(texture)+1)[:n]
}

// value is something whose JSON has the size.
func (s Size) value() any {
	switch {
	case s < 0:
		return nil
	case s < 2:
		return 0
	default:
		return text(int(s) - len(`""`))
	}
}

// string is a string whose JSON has the size; empty if that is too small for one.
func (s Size) string() string { return text(int(s) - len(`""`)) }

func values(sizes []Size) []any {
	all := make([]any, 0, len(sizes))
	for _, s := range sizes {
		all = append(all, s.value())
	}
	return all
}

// only is the one size of what has one at most, or [Null].
func only(sizes []Size) Size {
	if len(sizes) == 0 {
		return Null
	}
	return sizes[0]
}

// fit makes an id as long as n with something at its end. One that is longer stays as it is.
func fit(id string, n int) string {
	return id + strings.Repeat(".", max(n-len(id), 0))
}

// updates set search attributes to values of their sizes.
func updates(attributes []Attribute) ([]temporal.SearchAttributeUpdate, error) {
	keys := map[string]temporal.SearchAttributeKey{}
	for _, key := range contract.Attributes() {
		keys[key.GetName()] = key
	}
	all := make([]temporal.SearchAttributeUpdate, 0, len(attributes))
	for _, a := range attributes {
		update, err := a.update(keys[a.Name])
		if err != nil {
			return nil, err
		}
		all = append(all, update)
	}
	return all, nil
}

func (a Attribute) update(key temporal.SearchAttributeKey) (temporal.SearchAttributeUpdate, error) {
	null := a.Size == Null
	switch key := key.(type) {
	case temporal.SearchAttributeKeyKeyword:
		if null {
			return key.ValueUnset(), nil
		}
		return key.ValueSet(a.Size.string()), nil
	case temporal.SearchAttributeKeyTime:
		if null {
			return key.ValueUnset(), nil
		}
		return key.ValueSet(moment(a.Size)), nil
	case temporal.SearchAttributeKeyBool:
		if null {
			return key.ValueUnset(), nil
		}
		return key.ValueSet(int(a.Size) == len("true")), nil
	case temporal.SearchAttributeKeyInt64:
		if null {
			return key.ValueUnset(), nil
		}
		return key.ValueSet(digits(int(a.Size))), nil
	default:
		return nil, fmt.Errorf("the twin has no search attribute %s: it must be one of contract.Attributes, with a keyword, a time, a bool or a number", a.Name)
	}
}

// digits is a number of so many digits.
func digits(n int) int64 {
	value := int64(1)
	for range min(n, 18) - 1 {
		value *= 10
	}
	return value
}

// moment is a time whose JSON has the size: it depends on the digits after the second.
func moment(s Size) time.Time {
	const whole = len(`"2030-01-02T03:04:05Z"`)
	fraction := time.Duration(0)
	unit := time.Second / 10
	for range min(max(int(s)-whole-len("."), 0), 9) {
		fraction += unit
		unit /= 10
	}
	return time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).Add(fraction)
}
