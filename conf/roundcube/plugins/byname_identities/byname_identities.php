<?php

require_once __DIR__ . '/identity_plan.php';

/**
 * byname_identities: at login, one identity for each address that the person may send as.
 *
 * Asks Byname's API (GET /messages/identities), makes the identities that are missing, with the display name of the
 * mailbox and no reply-to, and removes those that it made and that were lost. Identities that people made, or gave
 * another address, stay as they are. Without an answer nothing changes, and the login works.
 *
 * Which ones it made stands in the person's preferences, as byname_identities: id => address.
 */
class byname_identities extends rcube_plugin
{
    public $task = 'login';

    private const LONGEST_ANSWER = 1_000_000; // octets
    private const REMEMBERED = 'byname_identities';

    private array $answers = []; // by login; false: the API gave none

    public function init()
    {
        $this->add_hook('user_create', [$this, 'name_first_identity']);
        $this->add_hook('login_after', [$this, 'keep_in_step']);
    }

    /** The identity that Roundcube itself makes at the first login gets the display name of the mailbox. */
    public function name_first_identity(array $args): array
    {
        foreach ($this->allowed($args['user']) ?: [] as $one) {
            if ($one['is_primary'] && $one['display_name'] !== '') {
                $args['user_name'] = $one['display_name'];
            }
        }

        return $args;
    }

    public function keep_in_step(array $args): array
    {
        $user = rcmail::get_instance()->user;
        $allowed = $this->allowed($user->get_username());
        if ($allowed === false) {
            return $args;
        }
        $made = (array) ($user->get_prefs()[self::REMEMBERED] ?? []);
        $plan = identity_plan($made, $user->list_identities(), $allowed);
        $kept = $plan['kept'];
        foreach ($plan['new'] as $one) {
            $kept += $this->make($user, $one);
        }
        foreach ($plan['lost'] as $id) {
            if (!$user->delete_identity($id)) { // Roundcube keeps the last one there is
                $kept[$id] = $made[$id];
            }
        }
        $this->settle($user);
        if ($kept != $made) {
            $user->save_prefs([self::REMEMBERED => $kept]);
        }

        return $args;
    }

    /** @return array<int, string> what to remember of it */
    private function make(rcube_user $user, array $one): array
    {
        $record = ['name' => $one['display_name'], 'email' => $one['address'], 'reply-to' => '', 'standard' => 0];
        $hook = $this->api->exec_hook('identity_create', ['login' => true, 'record' => $record]);
        $id = $hook['abort'] ? false : $user->insert_identity($hook['record']);

        return $id ? [(int) $id => strtolower($hook['record']['email'])] : [];
    }

    /** When the default identity is gone, another one has to be it. */
    private function settle(rcube_user $user): void
    {
        $rows = $user->list_identities(); // the default one first
        if ($rows && !$rows[0]['standard']) {
            $login = strtolower($user->get_username());
            $own = array_filter($rows, fn ($row) => strtolower($row['email']) === $login);
            $user->set_default(($own ? reset($own) : $rows[0])['identity_id']);
        }
    }

    /** @return list<array>|false what the mailbox may send as, asked once for each login; false: no answer */
    private function allowed(string $login)
    {
        return $this->answers[$login] ??= $this->ask($login) ?? false;
    }

    private function ask(string $login): ?array
    {
        $config = rcmail::get_instance()->config;
        $url = $config->get('byname_api_url') . '/messages/identities?mailbox=' . rawurlencode($login);
        $token = trim((string) @file_get_contents($config->get('byname_api_token_file')));
        $context = stream_context_create(['http' => [
            'header' => "Authorization: Bearer $token\r\nAccept: application/json",
            'timeout' => (float) $config->get('byname_api_timeout', 2),
            'follow_location' => 0, // the token goes nowhere else
        ]]);
        $text = (string) @file_get_contents($url, false, $context, 0, self::LONGEST_ANSWER);
        $status = $http_response_header[0] ?? 'no answer';
        $data = str_contains($status, ' 200') ? (json_decode($text, true)['data'] ?? null) : null;
        if (!is_array($data) || array_filter($data, fn ($one) => !self::is_identity($one))) {
            rcube::write_log('errors', "byname_identities: $status from $url; the identities stay as they are");

            return null;
        }

        return $data;
    }

    private static function is_identity($one): bool
    {
        return is_string($one['address'] ?? null) && is_string($one['display_name'] ?? null)
            && is_bool($one['is_primary'] ?? null);
    }
}
