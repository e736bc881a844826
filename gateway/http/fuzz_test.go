package http

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/gateway/api"
	"aftercare.dev/services/platform/problem"
)

func FuzzALineOfABulk(f *testing.F) {
	spec, err := api.GetSpec()
	require.NoError(f, err)
	lines, err := newLineChecker(spec)
	require.NoError(f, err)
	f.Add(`{"order_id":"o1","buyer_id":"b1","currency":"CNY","placed_at":"2026-11-21T10:00:00Z","lines":[{"line_id":"l1","sku":"s","quantity":1,"amount":{"amount":1,"currency":"CNY"}}]}`)
	f.Add(`{"order_id":"../x"}`)
	f.Add(`{"order_id":"o1","order_id":"o2"}{}`)
	f.Add(`[`)
	f.Fuzz(func(t *testing.T, line string) {
		id, order, err := lines.check([]byte(line))
		if err != nil {
			p, ok := problem.As(err)
			require.True(t, ok, "%v", err)
			require.Less(t, p.Status, 500, "%v", err)
			return
		}
		require.Regexp(t, `^[A-Za-z0-9_.:-]{1,64}$`, id)
		require.True(t, json.Valid(order))
	})
}

func FuzzTheEventThatAClientSawLast(f *testing.F) {
	for _, text := range []string{"", "0", "5", "-1", "x", "99999999999999999999", "+7", "0x10", " 1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		after, err := seen(text)
		if err != nil {
			require.True(t, problem.HasCode(err, problem.CodeInvalid), "%v", err)
			return
		}
		require.GreaterOrEqual(t, after, int64(0))
	})
}
