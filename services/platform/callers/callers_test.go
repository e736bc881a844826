package callers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/platform/callers"
	"aftercare.dev/services/platform/config"
)

type settings struct {
	Callers callers.List `env:"SERVICE_CALLERS" form:"a comma list of name:hash"`
}

func load(t *testing.T, entries ...string) (callers.List, error) {
	t.Helper()
	cfg, err := config.Load[settings]("", []string{"SERVICE_CALLERS=" + strings.Join(entries, ",")})
	return cfg.Callers, err
}

func TestACallerIsKnownByItsToken(t *testing.T) {
	list, err := load(t, callers.Entry("gateway", "g-1"), " "+callers.Entry("gateway", "g-2"), callers.Entry("worker", "w-1"))
	require.NoError(t, err)
	for token, want := range map[string][]string{"g-1": {"gateway"}, "g-2": {"gateway"}, "w-1": {"worker"}, "": nil, "g-3": nil} {
		require.Equal(t, want, list.Who(token), token)
	}
	require.Equal(t, "gateway,worker", list.String(), "hashes are printed")
	require.False(t, list.Empty())
}

func TestWhereCallersShareATokenEachMayWhatAnyOfThemMay(t *testing.T) {
	list, err := load(t, callers.Entry("gateway", "shared"), callers.Entry("worker", "shared"))
	require.NoError(t, err)
	table := callers.Table{"read": {"gateway"}, "write": {"worker"}, "none": {}}
	for operation, want := range map[string]bool{"read": true, "write": true, "none": false, "unheard": false} {
		_, ok := table.Permitted(operation, list.Who("shared"))
		require.Equal(t, want, ok, operation)
	}
}

func TestNoCallersAreTheSharedToken(t *testing.T) {
	for _, entries := range [][]string{nil, {""}} {
		list, err := load(t, entries...)
		require.NoError(t, err)
		require.True(t, list.Empty())
	}
}

func TestCallersThatCannotBeReadStopTheProcessWithASentence(t *testing.T) {
	for _, wrong := range []string{"gateway", "gateway:secret", "nobody:" + strings.Repeat("a", 64), "gateway:" + strings.Repeat("a", 62)} {
		_, err := load(t, wrong)
		var told *config.Error
		require.ErrorAs(t, err, &told, wrong)
		require.True(t, strings.HasPrefix(told.Sentence, "SERVICE_CALLERS "), told.Sentence)
	}
}
