// Package redistls reads how a peer reaches Redis, from the variables that configure the service.
package redistls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log"
	"os"
	"strconv"
	"strings"
	"time"
)

// WaitTimeout is how long a write may wait for its replicas.
const WaitTimeout = 400 * time.Millisecond

// ErrReplicaMissing is that of a write that too few replicas have.
var ErrReplicaMissing = errors.New("fewer replicas than asked for have the write")

var waitReplicas, _ = strconv.Atoi(os.Getenv("REDIS_WAIT_REPLICAS"))

// WaitReplicas is how many replicas must have a write.
func WaitReplicas() int { return waitReplicas }

// Addresses are those in REDIS_ENDPOINT.
func Addresses() []string { return strings.Split(os.Getenv("REDIS_ENDPOINT"), ",") }

// Config trusts REDIS_TLS_CA_FILE; nil, for no TLS, without it.
func Config() *tls.Config {
	file := os.Getenv("REDIS_TLS_CA_FILE")
	if file == "" {
		return nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: roots}
}
