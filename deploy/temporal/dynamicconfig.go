package temporal

import (
	"time"

	"go.temporal.io/server/common/dynamicconfig"
)

const (
	// unlimited is for rate limits: one process with one user needs none, and SQLite is slower anyway.
	unlimited = 1_000_000
	mebibyte  = 1 << 20
)

// dynamicConfig tunes the server for one process with one database. Values are of the exact Go type
// that the setting has: a wrong one is silently ignored by the server.
//
// Not here is system.forceSearchAttributesCacheRefreshOnRead, which development servers set: it reads the
// database at every use of a search attribute, and ensureNamespace has them ready before the server starts.
func dynamicConfig() dynamicconfig.StaticClient {
	values := dynamicconfig.StaticClient{
		// One partition: a task and its poller always meet in the same place.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,

		// The server may forget to tell a waiting WorkflowRun.Get that the workflow has closed: a waiter has
		// room for one notification, and one that comes before it could take the last is dropped. On a
		// machine with few cores this happens often. A waiter then asks again after this time.
		dynamicconfig.HistoryLongPollExpirationInterval.Key(): time.Second,

		// A workflow whose tasks fail is said to have a problem, in a search attribute, after the second failure and not after
		// the fifth: operators of one process have nobody else to tell them.
		dynamicconfig.NumConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute.Key(): 2,

		// A worker that stops gets its polls back empty. Otherwise it hangs up on them, and a task that is handed to it at that
		// moment is lost until it times out.
		dynamicconfig.EnableCancelWorkerPollsOnShutdown.Key(): true,

		// Whether an old version of the workers is still needed shows soon after the last case has left it.
		dynamicconfig.VersionDrainageStatusVisibilityGracePeriod.Key(): 5 * time.Second,
		dynamicconfig.VersionDrainageStatusRefreshInterval.Key():       5 * time.Second,

		// What is done of a queue is forgotten this often. Until then the server walks through all of it whenever something new comes,
		// which at the default of 30 s is a tenth of its work under load.
		dynamicconfig.TransferProcessorUpdateAckInterval.Key():   3 * time.Second,
		dynamicconfig.TimerProcessorUpdateAckInterval.Key():      3 * time.Second,
		dynamicconfig.VisibilityProcessorUpdateAckInterval.Key(): 3 * time.Second,

		// Mutable state of workflows: by size, since the default is a count that may be gigabytes. The size is that in the
		// database; in memory it is twenty to thirty times that. Those that move at any time are few.
		dynamicconfig.HistoryCacheSizeBasedLimit.Key():        true,
		dynamicconfig.HistoryCacheHostLevelMaxSizeBytes.Key(): 4 * mebibyte,
		dynamicconfig.EnableHostLevelEventsCache.Key():        true,
		dynamicconfig.EventsHostLevelCacheMaxSizeBytes.Key():  8 * mebibyte,
		dynamicconfig.XDCCacheMaxSizeBytes.Key():              mebibyte,
	}
	for _, key := range rateLimits() {
		values[key] = unlimited
	}
	return values
}

// rateLimits are the settings that protect a shared cluster from one of its tenants.
func rateLimits() []dynamicconfig.Key {
	return []dynamicconfig.Key{
		dynamicconfig.FrontendRPS.Key(),
		dynamicconfig.FrontendMaxNamespaceRPSPerInstance.Key(),
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(),
		dynamicconfig.FrontendMaxConcurrentLongRunningRequestsPerInstance.Key(),
		dynamicconfig.FrontendPersistenceMaxQPS.Key(),
		dynamicconfig.HistoryRPS.Key(),
		dynamicconfig.HistoryPersistenceMaxQPS.Key(),
		dynamicconfig.MatchingRPS.Key(),
		dynamicconfig.MatchingPersistenceMaxQPS.Key(),
		dynamicconfig.WorkerPersistenceMaxQPS.Key(),
		dynamicconfig.TransferProcessorMaxPollRPS.Key(),
		dynamicconfig.TimerProcessorMaxPollRPS.Key(),
		dynamicconfig.VisibilityProcessorMaxPollRPS.Key(),
	}
}
