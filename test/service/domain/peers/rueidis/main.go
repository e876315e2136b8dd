// Command rueidis is the service on the standard library and rueidis: the fastest plain Go, with nothing switched on.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/redis/rueidis"

	"bench.local/birthday"
	"bench.local/redistls"
)

const (
	keyPrefix    = "rueidis:"
	maxBodyBytes = 16 << 10
	storeTimeout = 500 * time.Millisecond
)

type server struct{ client rueidis.Client }

type request struct {
	DateOfBirth string `json:"dateOfBirth"`
}

type message struct {
	Message string `json:"message"`
}

type problem struct {
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

func main() {
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress:      redistls.Addresses(),
		TLSConfig:        redistls.Config(),
		DisableCache:     true,
		ConnWriteTimeout: storeTimeout,
	})
	if err != nil {
		log.Fatal(err)
	}
	s := server{client}
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /hello/{username}", s.put)
	mux.HandleFunc("GET /hello/{username}", s.get)
	mux.HandleFunc("DELETE /hello/{username}", s.remove)
	mux.HandleFunc("GET /hc", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"version": "rueidis", "go": runtime.Version()})
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], mux))
}

func (s server) put(w http.ResponseWriter, r *http.Request) {
	username, err := birthday.Username(r.PathValue("username"))
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	decoder.DisallowUnknownFields()
	var body request
	if err := decoder.Decode(&body); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	if _, err := birthday.Date(body.DateOfBirth, time.Now().UTC()); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	if err := s.save(r.Context(), keyPrefix+username, body.DateOfBirth); err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// save returns once as many replicas have the value as should.
func (s server) save(ctx context.Context, key, value string) error {
	set := s.client.B().Set().Key(key).Value(value).Build()
	replicas := redistls.WaitReplicas()
	if replicas == 0 {
		return s.client.Do(ctx, set).Error()
	}
	// WAIT has no key: rueidis sends it where the other command goes, on the same connection.
	wait := s.client.B().Wait().Numreplicas(int64(replicas)).Timeout(redistls.WaitTimeout.Milliseconds()).Build()
	outcomes := s.client.DoMulti(ctx, set, wait)
	if err := outcomes[0].Error(); err != nil {
		return err
	}
	acknowledged, err := outcomes[1].AsInt64()
	if err == nil && acknowledged < int64(replicas) {
		err = redistls.ErrReplicaMissing
	}
	return err
}

func (s server) get(w http.ResponseWriter, r *http.Request) {
	username, err := birthday.Username(r.PathValue("username"))
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	stored, err := s.client.Do(r.Context(), s.client.B().Get().Key(keyPrefix+username).Build()).ToString()
	if rueidis.IsRedisNil(err) {
		refuse(w, http.StatusNotFound, err)
		return
	}
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	now := time.Now().UTC()
	birth, err := birthday.Date(stored, now)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	answer(w, http.StatusOK, message{birthday.Greeting(username, birth, now)})
}

func (s server) remove(w http.ResponseWriter, r *http.Request) {
	username, err := birthday.Username(r.PathValue("username"))
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	removed, err := s.client.Do(r.Context(), s.client.B().Del().Key(keyPrefix+username).Build()).AsInt64()
	switch {
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, err)
	case removed == 0:
		refuse(w, http.StatusNotFound, rueidis.Nil)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func refuse(w http.ResponseWriter, status int, err error) {
	answer(w, status, problem{status, err.Error()})
}

func answer(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
