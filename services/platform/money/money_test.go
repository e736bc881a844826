package money_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"aftercare.dev/services/platform/money"
)

func TestOnlyValidMoneyCanBeMade(t *testing.T) {
	tests := map[string]struct {
		amount   int64
		currency string
		want     error
	}{
		"yuan":                      {1999, "CNY", nil},
		"a negative amount":         {-1999, "CNY", nil},
		"the largest amount":        {money.Max, "CNY", nil},
		"one more than the largest": {money.Max + 1, "CNY", money.ErrRange},
		"less than the smallest":    {-money.Max - 1, "CNY", money.ErrRange},
		"the least int64":           {math.MinInt64, "CNY", money.ErrRange},
		"a currency in lower case":  {1, "cny", money.ErrInvalidCurrency},
		"no currency":               {1, "", money.ErrInvalidCurrency},
		"a currency of four":        {1, "CNYY", money.ErrInvalidCurrency},
		"a currency of one rune":    {1, "元", money.ErrInvalidCurrency},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := money.New(test.amount, test.currency); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestSumsRefuseWhatTheyCannotHold(t *testing.T) {
	yuan := func(amount int64) money.Money { return money.Money{Amount: amount, Currency: "CNY"} }
	tests := map[string]struct {
		a, b money.Money
		sum  error
		diff error
	}{
		"two amounts":             {yuan(5), yuan(7), nil, nil},
		"another currency":        {yuan(5), money.Money{Amount: 7, Currency: "USD"}, money.ErrCurrency, money.ErrCurrency},
		"a sum past the bound":    {yuan(money.Max), yuan(1), money.ErrRange, nil},
		"a difference past it":    {yuan(-money.Max), yuan(1), nil, money.ErrRange},
		"the zero value":          {yuan(5), money.Money{}, money.ErrInvalidCurrency, money.ErrInvalidCurrency},
		"an amount made by hand":  {yuan(5), yuan(math.MinInt64), money.ErrRange, money.ErrRange},
		"nothing and nothing":     {yuan(0), yuan(0), nil, nil},
		"the largest and its own": {yuan(money.Max), yuan(-money.Max), nil, money.ErrRange},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sum, err := test.a.Add(test.b)
			if !errors.Is(err, test.sum) || (err == nil && sum.Amount != test.a.Amount+test.b.Amount) {
				t.Errorf("sum %v, %v, want %v", sum, err, test.sum)
			}
			diff, err := test.a.Sub(test.b)
			if !errors.Is(err, test.diff) || (err == nil && diff.Amount != test.a.Amount-test.b.Amount) {
				t.Errorf("difference %v, %v, want %v", diff, err, test.diff)
			}
		})
	}
}

func TestDecodingRefusesWhatNewRefuses(t *testing.T) {
	tests := map[string]struct {
		text string
		ok   bool
	}{
		"money":              {`{"amount":1999,"currency":"CNY"}`, true},
		"a fraction":         {`{"amount":19.99,"currency":"CNY"}`, false},
		"no amount":          {`{"currency":"CNY"}`, false},
		"no currency":        {`{"amount":1}`, false},
		"an amount too big":  {`{"amount":900000000000001,"currency":"CNY"}`, false},
		"an amount as text":  {`{"amount":"1","currency":"CNY"}`, false},
		"a currency unknown": {`{"amount":1,"currency":"yuan"}`, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var m money.Money
			if err := json.Unmarshal([]byte(test.text), &m); (err == nil) != test.ok {
				t.Fatalf("got %v, %v", m, err)
			}
			if !test.ok {
				return
			}
			if text, err := json.Marshal(m); err != nil || string(text) != test.text {
				t.Errorf("encodes as %s, %v", text, err)
			}
		})
	}
}

func TestAllocateIsFair(t *testing.T) {
	tests := map[string]struct {
		total   int64
		weights []int64
		want    []int64
	}{
		"a third each, the first gets the rest": {100, []int64{1, 1, 1}, []int64{34, 33, 33}},
		"the largest remainder comes first":     {10, []int64{33, 34, 33}, []int64{3, 4, 3}},
		"a zero weight gets nothing":            {10, []int64{0, 1, 0}, []int64{0, 10, 0}},
		"all zero is equal":                     {5, []int64{0, 0}, []int64{3, 2}},
		"nothing to give":                       {0, []int64{3, 4}, []int64{0, 0}},
		"nobody to give to":                     {5, nil, []int64{}},
		"less to give than takers":              {2, []int64{1, 1, 1}, []int64{1, 1, 0}},
		"numbers whose product is large":        {math.MaxInt64, []int64{math.MaxInt64 / 2, math.MaxInt64/2 + 1}, []int64{4611686018427387903, 4611686018427387904}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := money.Allocate(test.total, test.weights)
			if len(got) != len(test.want) {
				t.Fatalf("got %v, want %v", got, test.want)
			}
			for i := range got {
				if got[i] != test.want[i] {
					t.Fatalf("got %v, want %v", got, test.want)
				}
			}
		})
	}
}

func TestAllocateAddsUpWhateverTheWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Range(0, math.MaxInt64).Draw(t, "total")
		weights := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(0, 1000), rapid.Int64Range(0, math.MaxInt64)), 1, 50).Draw(t, "weights")
		shares := money.Allocate(total, weights)

		sum, weight := new(big.Int), new(big.Int)
		for i := range shares {
			sum.Add(sum, big.NewInt(shares[i]))
			weight.Add(weight, big.NewInt(weights[i]))
		}
		if sum.Cmp(big.NewInt(total)) != 0 {
			t.Fatalf("shares %v add up to %v, want %d", shares, sum, total)
		}
		for i, share := range shares {
			if share < 0 {
				t.Fatalf("share %d is negative", i)
			}
			if weights[i] == 0 && weight.Sign() > 0 && share != 0 {
				t.Fatalf("share %d of weight zero is %d", i, share)
			}
			if !weight.IsInt64() || weight.Sign() == 0 {
				continue
			}
			exact := new(big.Int).Mul(big.NewInt(total), big.NewInt(weights[i]))
			exact.Div(exact, weight)
			if over := share - exact.Int64(); over < 0 || over > 1 {
				t.Fatalf("share %d is %d, exactly %v", i, share, exact)
			}
		}
	})
}

func TestUnitsAddUpHoweverTheLineIsCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Range(0, math.MaxInt64).Draw(t, "total")
		n := rapid.OneOf(rapid.Int64Range(1, 100), rapid.Int64Range(1, math.MaxInt64)).Draw(t, "n")
		var sum, from int64
		for parts := 1; from < n; parts++ {
			to := n
			if parts < 20 {
				to = rapid.Int64Range(from+1, n).Draw(t, "to")
			}
			value := money.Units(total, n, from, to)
			if value < 0 {
				t.Fatalf("[%d,%d) is worth %d", from, to, value)
			}
			sum += value
			from = to
		}
		if sum != total {
			t.Fatalf("parts add up to %d, want %d", sum, total)
		}
	})
}

func TestUnitsAreWorthAlikeToAFen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Range(0, money.Max).Draw(t, "total")
		n := rapid.Int64Range(1, 1000).Draw(t, "n")
		at := rapid.Int64Range(0, n-1).Draw(t, "at")
		value := money.Units(total, n, at, at+1)
		if value != total/n && value != total/n+1 {
			t.Fatalf("one of %d units of %d is worth %d", n, total, value)
		}
	})
}
