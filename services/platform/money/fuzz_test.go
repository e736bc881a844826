package money_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/platform/money"
)

func FuzzMoneyOnTheWire(f *testing.F) {
	for _, text := range []string{
		`{"amount":1999,"currency":"CNY"}`, `{"amount":-1,"currency":"USD"}`, `{"amount":1.5,"currency":"CNY"}`, `{"amount":"1","currency":"CNY"}`,
		`{"amount":9223372036854775807,"currency":"CNY"}`, `{"amount":1e3,"currency":"CNY"}`, `{"amount":null,"currency":"CNY"}`, `{"currency":"cny"}`, `null`, `[]`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var m money.Money
		if json.Unmarshal([]byte(text), &m) != nil || m == (money.Money{}) {
			return
		}
		require.NoError(t, m.Validate())
		encoded, err := json.Marshal(m)
		require.NoError(t, err)
		var again money.Money
		require.NoError(t, json.Unmarshal(encoded, &again))
		require.Equal(t, m, again)
	})
}
