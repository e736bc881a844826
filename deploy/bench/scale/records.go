package scale

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"aftercare.dev/deploy/bench/measure"
	"aftercare.dev/services/cases"
	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/httpclient"
)

// Answer is how long the cases service took to answer a question.
type Answer struct {
	// Name is that of the measurement.
	Name    string `json:"name"`
	Engine  string `json:"engine"`
	Reading string `json:"reading"`
	// Operation is the operationId and what was asked for.
	Operation string `json:"operation"`
	Few       Taken  `json:"few"`
	Many      Taken  `json:"many"`
	// Ratio is the p99 among many cases by that among few.
	Ratio measure.Interval `json:"p99_ratio"`
}

// Taken is what the requests took among a number of cases.
type Taken struct {
	Cases   int               `json:"cases"`
	Latency measure.Latencies `json:"latency"`
}

// Records says what [AskRecords] measures.
type Records struct {
	// Few and Many are empty databases of one engine, one for each population.
	Few, Many database.Config
	// Population is the large one, and Compared is how many cases the small one has.
	Population Population
	Compared   int
	// Requests is how often each question is asked of each.
	Requests int
	Logger   *slog.Logger
}

// AskRecords fills two databases, runs the cases service on each and asks both the same questions, in turns, so that
// what else the machine does meets both alike.
func AskRecords(ctx context.Context, r Records) (answers []Answer, err error) {
	ctx, stop := context.WithCancel(ctx)
	var houses []*house
	defer func() {
		stop()
		for _, h := range houses {
			err = errors.Join(err, <-h.ended)
		}
	}()
	for _, of := range []struct {
		config     database.Config
		population Population
	}{{r.Few, r.Population.Share(r.Compared)}, {r.Many, r.Population}} {
		if err := filled(ctx, of.config, of.population); err != nil {
			return nil, fmt.Errorf("fill a database with %d cases: %w", of.population.Cases(), err)
		}
		h, err := serve(ctx, of.config, of.population, r.Logger)
		if err != nil {
			return nil, err
		}
		houses = append(houses, h)
	}
	answers, err = askAll(ctx, houses, r)
	for i := range answers {
		a := &answers[i]
		a.Name, a.Engine, a.Ratio = "records", r.Many.Driver, compareP99(a.Many.Latency, a.Few.Latency, r.Population.Seed)
	}
	return answers, err
}

func filled(ctx context.Context, config database.Config, p Population) error {
	db, err := database.Open(ctx, config)
	if err != nil {
		return err
	}
	err = database.Migrate(ctx, db, store.Migrations())
	if err == nil {
		err = Fill(ctx, db, p)
	}
	return errors.Join(err, database.Close(db))
}

// house is a cases service with its population.
type house struct {
	population Population
	client     *api.Client
	ended      chan error
}

// serve runs the service until ctx ends.
func serve(ctx context.Context, config database.Config, p Population, log *slog.Logger) (*house, error) {
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	url := "http://" + listener.Addr().String()
	client, err := api.NewClient(url, api.WithHTTPClient(httpclient.New(httpclient.Options{BaseURL: url, Timeout: time.Minute, Logger: log})))
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	// Nothing is announced, and nobody asks for orders.
	const nobody = "http://127.0.0.1:9"
	service, err := cases.New(ctx, cases.Config{
		Database: config, OrderURL: nobody, NotificationURL: nobody, CallTimeout: time.Second,
		EvidenceURL: "mem://", EvidenceMaxBytes: 1 << 20, EvidenceConcurrency: 1,
	}, log)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	h := &house{population: p, client: client, ended: make(chan error, 1)}
	go func() { h.ended <- service.Run(ctx, listener) }()
	return h, nil
}

// warm is how often a question is asked before it is measured.
const warm = 3

// askAll asks in rounds, each question once in each, so that what disturbs the machine for a while meets all of them and not
// one.
func askAll(ctx context.Context, houses []*house, r Records) ([]Answer, error) {
	all := questions()
	answers, cursors := make([]Answer, len(all)), make([][]*string, len(all))
	for i, q := range all {
		answers[i] = Answer{Reading: q.reading, Operation: q.operation, Few: Taken{Cases: r.Compared}, Many: Taken{Cases: r.Population.Cases()}}
		cursors[i] = make([]*string, len(houses))
		for at, h := range houses {
			if !q.later {
				continue
			}
			var err error
			if cursors[i][at], err = q.middle(ctx, h.client); err != nil {
				return nil, fmt.Errorf("%s: %w", q.operation, err)
			}
		}
	}
	chance := rand.New(rand.NewPCG(r.Population.Seed, 1))
	for round := range warm + r.Requests {
		for i, q := range all {
			took, err := q.inTurns(ctx, houses, cursors[i], round, chance)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", q.operation, err)
			}
			if round >= warm {
				answers[i].Few.Latency.Add(took[0])
				answers[i].Many.Latency.Add(took[1])
			}
		}
	}
	return answers, nil
}

// inTurns asks each house and returns what each took. Who is asked first changes with the round.
func (q question) inTurns(ctx context.Context, houses []*house, cursors []*string, round int, chance *rand.Rand) ([]time.Duration, error) {
	took := make([]time.Duration, len(houses))
	for turn := range houses {
		at := (round + turn) % len(houses)
		about, err := houses[at].population.subjectOf(chance)
		if err != nil {
			return nil, err
		}
		about.cursor = cursors[at]
		begun := time.Now()
		if _, err := answer(q.ask(ctx, houses[at].client, about)); err != nil {
			return nil, err
		}
		took[at] = time.Since(begun)
	}
	return took, nil
}

// compareP99 is the p99 of one side by that of the other. Requests that were made one after the other are a pair, because they
// met the same machine.
func compareP99(a, b measure.Latencies, seed uint64) measure.Interval {
	each := func(l measure.Latencies) []measure.Latencies { return slices.Collect(slices.Chunk(l, 1)) }
	return measure.RatioOfP99(each(a), each(b), seed)
}
