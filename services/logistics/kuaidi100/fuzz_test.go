package kuaidi100

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzACallbackOfAStranger(f *testing.F) {
	f.Add("param=%7B%7D&sign=00&taskId=1")
	f.Add("")
	f.Add("%")
	f.Fuzz(func(t *testing.T, body string) {
		_, err := ParseCallback([]byte(body), "a salt that nobody guesses", noon)
		require.Error(t, err)
	})
}

func FuzzAnAmountOfYuan(f *testing.F) {
	for _, text := range []string{"12.5", "0", "", "-1", "1.005", "999999999.99", "1e3", "+1", ".5", "0.500"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fen, err := parseFen(text)
		if err == nil {
			require.GreaterOrEqual(t, fen, int64(0))
			require.Less(t, fen, int64(100_000_000_000))
		}
	})
}
