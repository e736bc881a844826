package store

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzACursor(f *testing.F) {
	f.Add(cursor{key: 1767225600000000, caseID: "case_01JD2T5S4FYQ1C9X3W7B8M6N0K"}.encode(), false)
	f.Add(cursor{byDeadline: true, key: -1, caseID: "case_1"}.encode(), true)
	f.Add("bmV3ZXN0LzEv", false)
	f.Add("%", true)
	f.Fuzz(func(t *testing.T, text string, byDeadline bool) {
		c, err := decodeCursor(text, byDeadline)
		if err != nil {
			require.Equal(t, cursor{}, c)
			return
		}
		require.Equal(t, byDeadline, c.byDeadline)
		require.Regexp(t, `^[A-Za-z0-9_.:-]{1,64}$`, c.caseID, "what goes into the query is an id")
		again, err := decodeCursor(c.encode(), byDeadline)
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}
