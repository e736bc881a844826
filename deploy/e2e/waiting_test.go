package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/split"
	cases "aftercare.dev/services/cases/api"
)

func TestEachProcessStartsWithoutTheOthersAndSaysWhatIsMissing(t *testing.T) {
	a := assemble(t, split.Options{TimeScale: quickly})
	a.does(a.Migrate)
	require.NoError(t, a.MySQL.Kill())
	for _, name := range []string{"worker-cases-1", "worker-money-1", "gateway-1"} {
		a.does(a.Process(name).Start)
	}
	for _, name := range []string{"worker-cases-1", "worker-money-1"} {
		a.waitsFor(name, "temporal", "workers")
	}
	a.waitsFor("gateway-1", "cases", "order", "temporal")
	for _, name := range split.Services {
		a.does(a.Process(name + "-1").Start)
		a.waitsFor(name+"-1", "database")
	}

	a.does(a.Process("temporal").Restart)
	a.waitsFor("worker-cases-1", "workers") // there is no namespace
	a.does(a.SetUp)
	a.does(a.Process("worker-cases-1").WaitReady)
	a.does(a.Process("worker-money-1").WaitReady)
	a.waitsFor("gateway-1", "cases", "order")
	a.does(a.BootMySQL)
	for _, p := range a.Processes() {
		if p.Name != "sandbox" {
			a.does(p.WaitReady)
		}
	}

	a.does(a.Process("sandbox").Restart)
	a.does(a.WaitReady)
	s := newShop(t, a.house)
	c := s.file(application(s.sell("b1", once)))
	s.finish(c.CaseID)
	s.ends(c.CaseID, cases.OutcomeRefunded)
	s.paid(c.OrderID, worth, 1)
}
