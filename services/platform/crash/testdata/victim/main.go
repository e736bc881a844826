// Command victim passes crash points, for the tests of package crash. It prints each step that it survived.
package main

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"

	"aftercare.dev/services/platform/crash"
	"aftercare.dev/services/platform/crash/testdata/victim/shop"
)

func main() {
	crash.At("a/step", crash.BeforeCommit)
	fmt.Println("before")
	crash.At("a/step", crash.AfterCommit)
	fmt.Println("after")
	shop.Sell()
	new(shop.Store[int]).Reserve()
	fmt.Println("reserved")
	client := &http.Client{Transport: crash.Transport(nil)}
	if url := os.Getenv("VICTIM_URL"); url != "" {
		shop.Ask(client, url)
		fmt.Println("asked")
	}
	client.CloseIdleConnections()
	if points, err := strconv.Atoi(os.Getenv("VICTIM_AT_ONCE")); err == nil {
		atOnce(points)
		fmt.Println("all at once")
	}
}

// atOnce passes so many points in the same moment.
func atOnce(points int) {
	begin := make(chan struct{})
	var all sync.WaitGroup
	for n := range points {
		all.Go(func() {
			<-begin
			crash.At(fmt.Sprint("at-once/", n), crash.BeforeCommit)
		})
	}
	close(begin)
	all.Wait()
}
