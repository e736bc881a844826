// Package report is what a run of the benchmark found: kept as JSON, told as Markdown, drawn as a chart. It measures nothing
// and knows neither the product nor Temporal; it judges the targets from the numbers that it was given.
//
// Durations are seconds and sizes are bytes throughout. A part that was not measured is left empty and is left out of the
// Markdown.
package report

import "time"

// Result is one run of the benchmark.
type Result struct {
	Begun       time.Time `json:"begun"`
	TookSeconds float64   `json:"took_seconds"`
	// Command is the line that repeats the run, and Seed what chance began with.
	Command string `json:"command"`
	Seed    uint64 `json:"seed"`
	// Quick is true for the short form, whose times are too few to be compared with those of another run.
	Quick   bool    `json:"quick"`
	Machine Machine `json:"machine"`
	Houses  []House `json:"houses"`
	// Targets are what [Result.Judge] made of the rest.
	Targets     []Target     `json:"targets"`
	Comparisons []Comparison `json:"comparisons"`
	Journeys    []Journey    `json:"journeys"`
	Costs       []Cost       `json:"costs"`
	Posts       []Post       `json:"posts"`
	Scale       Scale        `json:"scale"`
}

// Machine is where it ran.
type Machine struct {
	CPUs        int    `json:"cpus"`
	Model       string `json:"model"`
	GOMAXPROCS  int    `json:"gomaxprocs"`
	Go          string `json:"go"`
	Kernel      string `json:"kernel"`
	MemoryBytes int64  `json:"memory_bytes"`
}

// SetUp is how the processes and databases are arranged.
type SetUp string

// The set-ups.
const (
	// Embedded is everything in one process, on SQLite.
	Embedded SetUp = "embedded"
	// Split is every process on its own, on a server of the MySQL family.
	Split SetUp = "split"
)

// House is what was the same for the product and its twin in a set-up.
type House struct {
	SetUp SetUp `json:"set_up"`
	// Temporal and SDK are versions; Database is name and version of what Temporal and the services keep their data in.
	Temporal   string `json:"temporal"`
	SDK        string `json:"sdk"`
	Database   string `json:"database"`
	Shards     int    `json:"shards"`
	Partitions int    `json:"partitions"`
	// DynamicConfig are the settings of the Temporal server that differ from its defaults and bear on speed.
	DynamicConfig map[string]string `json:"dynamic_config,omitempty"`
	Workers       []Worker          `json:"workers,omitempty"`
}

// Worker is one kind of worker of a house.
type Worker struct {
	Name      string `json:"name"`
	Processes int    `json:"processes"`
	// Pollers in words, because they may scale by themselves.
	Pollers            string `json:"pollers"`
	WorkflowSlots      int    `json:"workflow_slots"`
	ActivitySlots      int    `json:"activity_slots"`
	LocalActivitySlots int    `json:"local_activity_slots"`
	CachedWorkflows    int    `json:"cached_workflows"`
}

// Interval is a number and the 95 % interval around it. Low and High are both 0 where no interval is known.
type Interval struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Latency sums up how long things took.
type Latency struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_seconds"`
	P95   float64 `json:"p95_seconds"`
	P99   float64 `json:"p99_seconds"`
	Max   float64 `json:"max_seconds"`
}

// Loop tells how load is made.
type Loop string

// The loops.
const (
	// Closed is a number of cases under way at any time: the next begins when one has ended.
	Closed Loop = "closed"
	// Open is a number of cases a second, however long they take.
	Open Loop = "open"
)

// Load is what was asked of a house.
type Load struct {
	Loop Loop `json:"loop"`
	// Concurrency is how many cases are under way in a closed loop.
	Concurrency int `json:"concurrency,omitempty"`
	// Share is what PerSecond of an open loop is of the twin's highest throughput, 0.5 for half of it.
	Share     float64 `json:"share,omitempty"`
	PerSecond float64 `json:"per_second,omitempty"`
}

// Comparison is the product beside its twin in one set-up and under one load.
type Comparison struct {
	SetUp SetUp `json:"set_up"`
	Load  Load  `json:"load"`
	// Order is who played when: A the product, B the twin. The numbers of Rounds are what Product and Twin sum up.
	Order   string  `json:"order"`
	Rounds  []Round `json:"rounds"`
	Product Side    `json:"product"`
	Twin    Side    `json:"twin"`
	// Throughput and CPU are product / twin, of cases a second and of CPU seconds per case.
	Throughput Interval `json:"throughput_ratio"`
	CPU        Interval `json:"cpu_ratio"`
	// Invalid says why nothing follows from the comparison: shapes that differ, cases that failed. Empty for a valid one.
	Invalid string `json:"invalid,omitempty"`
}

// Round is one pair of an interleaved order.
type Round struct {
	Product Turn `json:"product"`
	Twin    Turn `json:"twin"`
}

// Turn is one side's part of a round.
type Turn struct {
	Done        int     `json:"done"`
	Failed      int     `json:"failed"`
	TookSeconds float64 `json:"took_seconds"`
	// CPUSeconds are those of the whole turn, by process.
	CPUSeconds map[string]float64 `json:"cpu_seconds"`
	Latency    Latency            `json:"latency"`
}

// Side is what all turns of one side come to.
type Side struct {
	Done       int      `json:"done"`
	Failed     int      `json:"failed"`
	FirstError string   `json:"first_error,omitempty"`
	PerSecond  Interval `json:"per_second"`
	Latency    Latency  `json:"latency"`
	// CPUSeconds are those per case, by process.
	CPUSeconds map[string]float64 `json:"cpu_seconds_per_case"`
	Shape      Shape              `json:"shape"`
}

// Shape is what a case leaves in Temporal, or one workflow of it: on average, where it is of many.
type Shape struct {
	Events      float64 `json:"events"`
	Bytes       float64 `json:"bytes"`
	Transitions float64 `json:"transitions"`
}

// Plain is the kind of case that targets are about: a return that is approved by rule, received intact and refunded.
const Plain = "plain"

// Journey is whole cases of one kind through HTTP.
type Journey struct {
	SetUp SetUp  `json:"set_up"`
	Kind  string `json:"kind"`
	// ProviderSeconds is how long each provider took for an answer, and Concurrency how many cases were under way.
	ProviderSeconds float64 `json:"provider_seconds"`
	Concurrency     int     `json:"concurrency"`
	Done            int     `json:"done"`
	Failed          int     `json:"failed"`
	FirstError      string  `json:"first_error,omitempty"`
	TookSeconds     float64 `json:"took_seconds"`
	PerSecond       float64 `json:"per_second"`
	// PerCPUSecond is cases by the CPU seconds of all processes; CPUSeconds are those per case, by process.
	PerCPUSecond float64            `json:"per_cpu_second"`
	CPUSeconds   map[string]float64 `json:"cpu_seconds_per_case"`
	// Case is the time from the filing to the end of a case, Operations that of each request by its operationId.
	Case       Latency            `json:"case"`
	Operations map[string]Latency `json:"operations"`
	Memory     map[string]Memory  `json:"memory"`
	// DatabaseBytes are those by which each database grew per case.
	DatabaseBytes map[string]float64 `json:"database_bytes_per_case"`
}

// Memory is what a process holds, and the most that it ever held.
type Memory struct {
	RSSBytes  int64 `json:"rss_bytes"`
	PeakBytes int64 `json:"peak_bytes"`
}

// Cost is what a case of a kind takes whatever the machine.
type Cost struct {
	Kind string `json:"kind"`
	// Statements are those of SQL, by service. Not among them are the beginnings and ends of Transactions, and Looks: how
	// often a relay asked whether there is work.
	Statements   map[string]int `json:"statements"`
	Transactions map[string]int `json:"transactions"`
	Looks        map[string]int `json:"looks"`
	// Actions are what Temporal Cloud would bill, StraightforwardActions those of the same case with an activity for each step.
	Actions                int `json:"actions"`
	StraightforwardActions int `json:"straightforward_actions"`
	// Parent is the workflow of the case, Children are those that it starts, by their type.
	Parent   Shape            `json:"parent"`
	Children map[string]Shape `json:"children,omitempty"`
}

// Post is POST /v1/cases beside a bare update-with-start whose workflow writes one row.
type Post struct {
	SetUp   SetUp   `json:"set_up"`
	Load    Load    `json:"load"`
	Product Latency `json:"product"`
	Bare    Latency `json:"bare"`
	// P99 is product / bare.
	P99 Interval `json:"p99_ratio"`
}

// Scale is what size does to it.
type Scale struct {
	Reads   []Read    `json:"reads,omitempty"`
	Waiting []Waiting `json:"waiting,omitempty"`
	// WorkersLimit says what held the workers back in Workers, so that it was not the server.
	WorkersLimit string      `json:"workers_limit,omitempty"`
	Workers      []WorkerRun `json:"workers,omitempty"`
}

// Reading is what a read is for.
type Reading string

// The readings.
const (
	List     Reading = "list"
	Search   Reading = "search"
	WorkList Reading = "work-list"
	Other    Reading = "other"
)

// Read is one operation on few cases and on many.
type Read struct {
	// Operation is its name, with what sets it apart from others of the same reading.
	Operation string  `json:"operation"`
	Reading   Reading `json:"reading"`
	Engine    string  `json:"engine"`
	Few       Filled  `json:"few"`
	Many      Filled  `json:"many"`
	// P99 is many / few.
	P99 Interval `json:"p99_ratio"`
}

// Filled is a read with so many cases in the database.
type Filled struct {
	Cases   int     `json:"cases"`
	Latency Latency `json:"latency"`
}

// Waiting is a house in which a number of workflows wait and nothing else happens.
type Waiting struct {
	Workflows int               `json:"workflows"`
	Memory    map[string]Memory `json:"memory"`
	// IdleCPU is CPU seconds per second, by process: 1 is a whole CPU.
	IdleCPU map[string]float64 `json:"idle_cpu"`
}

// WorkerRun is the throughput of so many worker processes.
type WorkerRun struct {
	Workers   int      `json:"workers"`
	PerSecond Interval `json:"per_second"`
	// CPU is CPU seconds per second, by process.
	CPU map[string]float64 `json:"cpu"`
}
