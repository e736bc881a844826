package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/split"
	cases "aftercare.dev/services/cases/api"
)

func TestEachProcessCanBeKilledOnTheWayAndNoCaseIsLostOrPaidTwice(t *testing.T) {
	a := startApart(t, split.Options{TimeScale: 10_000})
	s := newShop(t, a.house)
	at := s.everywhere()
	ids, orders := []string{}, []string{}
	add := func(c cases.Case) { ids, orders = append(ids, c.CaseID), append(orders, c.OrderID) }
	for _, c := range at {
		add(c)
	}
	for _, p := range a.Processes() {
		// Something is always on the way when a process dies: a case just filed, and one whose money is under way.
		add(s.file(application(s.sell("b8", once))))
		require.NoError(t, p.Kill(), p.Name)
		a.does(p.Restart)
		a.does(a.WaitReady)
	}
	require.NoError(t, a.MySQL.Kill())
	a.does(a.BootMySQL)
	a.does(a.WaitReady)

	s.finishAll(ids)
	for i, id := range ids {
		s.ends(id, cases.OutcomeRefunded)
		s.paid(orders[i], worth, 1)
		require.Equal(t, int64(1), s.order(orders[i]).Lines[0].ReturnedQuantity)
	}
	require.Empty(t, into[cases.CasePage](s.storefront.get("/v1/cases?status=open")).Items)
	a.house.keepsSecrets(t)
}
