package memory_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/platform/memory"
)

func TestAMapRemembersWithinItsBounds(t *testing.T) {
	m := memory.New[string, int](2)
	m.Put("a", 1)
	m.Put("b", 2)
	m.Forget("a")
	m.Put("a", 3)
	got, ok := m.Get("a")
	require.True(t, ok)
	require.Equal(t, 3, got)

	m.Put("c", 4)
	_, ok = m.Get("b")
	require.False(t, ok, "a full map begins anew")
	got, ok = m.Get("c")
	require.True(t, ok)
	require.Equal(t, 4, got)
}
