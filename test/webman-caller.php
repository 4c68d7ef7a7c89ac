<?php
// Makes the calls of webman/push's PHP class `Api`, as test/webman-caller.ts does, by curl. Each
// line of stdin is a call as JSON, and is answered by a line of JSON: first one of
// {"address","key","secret"}, then [method, argument, …].
declare(strict_types=1);

const PLAIN = JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES;

$target = json_decode((string) fgets(STDIN), true);
// One handle for all calls, so that they share a connection.
$curl = curl_init();

function query(string $method, string $path, array $params): string
{
    global $target;
    $all = ['auth_key' => $target['key'], 'auth_timestamp' => time()] + $params;
    $joined = function (array $values): string {
        ksort($values);
        $pairs = [];
        foreach ($values as $name => $value) {
            $pairs[] = $name . '=' . (is_array($value) ? implode(',', $value) : $value);
        }
        return implode('&', $pairs);
    };
    $signature = hash_hmac('sha256', "$method\n$path\n" . $joined($all), $target['secret']);
    return $joined($all + ['auth_signature' => $signature]);
}

function call(string $method, string $below, array $params, ?string $body): array
{
    global $target, $curl;
    $path = '/apps/1024' . $below;
    curl_reset($curl);
    curl_setopt_array($curl, [
        CURLOPT_URL => $target['address'] . $path . '?' . query($method, $path, $params),
        CURLOPT_HTTPHEADER => ['Content-Type: application/json', 'Expect:'],
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_TIMEOUT => 2,
        CURLOPT_POST => $method === 'POST',
    ]);
    if ($body !== null) {
        curl_setopt($curl, CURLOPT_POSTFIELDS, $body);
    }
    $text = curl_exec($curl);
    return ['body' => $text, 'status' => curl_getinfo($curl, CURLINFO_HTTP_CODE)];
}

function trigger($channels, string $event, $data, ?string $socketId = null): bool
{
    $fields = ['name' => $event, 'data' => json_encode($data, PLAIN), 'channels' => (array) $channels];
    if ($socketId !== null) {
        $fields['socket_id'] = $socketId;
    }
    $body = json_encode($fields, PLAIN);
    return call('POST', '/events', ['body_md5' => md5($body)], $body)['status'] === 200;
}

function get(string $below, array $params = []): array
{
    $answer = call('GET', $below, $params, null);
    if ($answer['status'] === 200) {
        $answer['result'] = json_decode($answer['body'], true);
    }
    return $answer;
}

function getChannels(array $params = []): array
{
    return get('/channels', $params);
}

function getChannelInfo(string $channel, array $params = [])
{
    $answer = get("/channels/$channel", $params);
    return $answer['status'] === 200 ? json_decode($answer['body']) : false;
}

function socketAuth(string $channel, string $socketId, ?string $data = null): string
{
    global $target;
    $text = "$socketId:$channel" . ($data === null ? '' : ":$data");
    $answer = ['auth' => $target['key'] . ':' . hash_hmac('sha256', $text, $target['secret'])];
    return json_encode($data === null ? $answer : $answer + ['channel_data' => $data]);
}

function presenceAuth(string $channel, string $socketId, $user, $info = null): string
{
    $member = ['user_id' => $user] + ($info === null ? [] : ['user_info' => $info]);
    return socketAuth($channel, $socketId, json_encode($member));
}

$methods = ['trigger', 'get', 'getChannels', 'getChannelInfo', 'socketAuth', 'presenceAuth'];
while (($line = fgets(STDIN)) !== false) {
    $arguments = json_decode($line, true);
    $method = array_shift($arguments);
    $result = in_array($method, $methods, true) ? $method(...$arguments) : null;
    fwrite(STDOUT, json_encode(['result' => $result], PLAIN) . "\n");
}
