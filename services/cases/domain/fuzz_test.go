package domain

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// A policy that can be in force is the same after it was stored and read.
func FuzzAPolicy(f *testing.F) {
	shipped, err := json.Marshal(defaultSpec())
	require.NoError(f, err)
	f.Add(string(shipped))
	f.Add(`{"Timezone":"../../etc/passwd"}`)
	f.Add(`{"Timezone":"Local","Clocks":{"ReviewSeconds":-1}}`)
	f.Add(`{"Timezone":"Asia/Shanghai","Holidays":["2026-02-30"]}`)
	f.Fuzz(func(t *testing.T, text string) {
		spec := defaultSpec()
		if json.Unmarshal([]byte(text), &spec) != nil {
			return
		}
		policy, err := NewPolicy(1, spec)
		if err != nil {
			return
		}
		stored, err := json.Marshal(policy.Spec())
		require.NoError(t, err)
		var read PolicySpec
		require.NoError(t, json.Unmarshal(stored, &read))
		again, err := NewPolicy(1, read)
		require.NoError(t, err)
		second, err := json.Marshal(again.Spec())
		require.NoError(t, err)
		require.JSONEq(t, string(stored), string(second))
	})
}
